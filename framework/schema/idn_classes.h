/* Sets of characters that IDNA needs and that PCRE2's properties do not have, as the inside of a
 * regular expression's brackets. Facts of Unicode 14 and 15: RFC 5892's derivation, the canonical
 * combining class 9, the joining types. Thread: constants. */
#ifndef WEIR_SCHEMA_IDN_CLASSES_H
#define WEIR_SCHEMA_IDN_CLASSES_H

/* Letters, marks and digits that RFC 5892 does not allow: those that a normalisation changes, old
 * Hangul jamo, default ignorable ones. */
#define IDN_UNSTABLE                                                                              \
    "\\x{AA}\\x{B5}\\x{BA}\\x{133}\\x{140}\\x{149}\\x{17F}\\x{1C6}\\x{1C9}\\x{1CC}\\x{1F3}"       \
    "\\x{2B0}-\\x{2B8}\\x{2E0}-\\x{2E4}\\x{340}-\\x{341}\\x{343}-\\x{345}\\x{34F}\\x{374}"        \
    "\\x{37A}\\x{3D0}-\\x{3D1}\\x{3D5}-\\x{3D6}\\x{3F0}-\\x{3F2}\\x{3F5}\\x{587}\\x{640}"         \
    "\\x{675}-\\x{678}\\x{7FA}\\x{958}-\\x{95F}\\x{9DC}-\\x{9DD}\\x{9DF}\\x{A33}\\x{A36}"         \
    "\\x{A59}-\\x{A5B}\\x{A5E}\\x{B5C}-\\x{B5D}\\x{E33}\\x{EB3}\\x{EDC}-\\x{EDD}\\x{F43}\\x{F4D}" \
    "\\x{F52}\\x{F57}\\x{F5C}\\x{F69}\\x{F73}\\x{F75}-\\x{F79}\\x{F81}\\x{F93}\\x{F9D}\\x{FA2}"   \
    "\\x{FA7}\\x{FAC}\\x{FB9}\\x{10FC}\\x{1100}-\\x{11FF}\\x{13F8}-\\x{13FD}\\x{17B4}-\\x{17B5}"  \
    "\\x{180B}-\\x{180D}\\x{180F}\\x{1C80}-\\x{1C88}\\x{1D2C}-\\x{1D2E}\\x{1D30}-\\x{1D3A}"       \
    "\\x{1D3C}-\\x{1D4D}\\x{1D4F}-\\x{1D6A}\\x{1D78}\\x{1D9B}-\\x{1DBF}\\x{1E9A}-\\x{1E9B}"       \
    "\\x{1F71}\\x{1F73}\\x{1F75}\\x{1F77}\\x{1F79}\\x{1F7B}\\x{1F7D}\\x{1F80}-\\x{1F87}"          \
    "\\x{1F90}-\\x{1F97}\\x{1FA0}-\\x{1FA7}\\x{1FB2}-\\x{1FB4}\\x{1FB7}\\x{1FBE}"                 \
    "\\x{1FC2}-\\x{1FC4}\\x{1FC7}\\x{1FD3}\\x{1FE3}\\x{1FF2}-\\x{1FF4}\\x{1FF7}\\x{2071}"         \
    "\\x{207F}\\x{2090}-\\x{209C}\\x{20D0}-\\x{20DC}\\x{20E1}\\x{20E5}-\\x{20F0}\\x{210A}"        \
    "\\x{210E}-\\x{210F}\\x{2113}\\x{212F}\\x{2134}-\\x{2139}\\x{213C}-\\x{213D}"                 \
    "\\x{2146}-\\x{2149}\\x{2C7C}-\\x{2C7D}\\x{2D6F}\\x{302E}-\\x{302F}\\x{3031}-\\x{3035}"       \
    "\\x{303B}\\x{309F}\\x{30FF}\\x{3131}-\\x{318E}\\x{A69C}-\\x{A69D}\\x{A770}"                  \
    "\\x{A7F8}-\\x{A7F9}\\x{A960}-\\x{A97C}\\x{AB5C}-\\x{AB5F}\\x{AB69}\\x{AB70}-\\x{ABBF}"       \
    "\\x{D7B0}-\\x{D7C6}\\x{D7CB}-\\x{D7FB}\\x{F900}-\\x{FA0D}\\x{FA10}\\x{FA12}"                 \
    "\\x{FA15}-\\x{FA1E}\\x{FA20}\\x{FA22}\\x{FA25}-\\x{FA26}\\x{FA2A}-\\x{FA6D}"                 \
    "\\x{FA70}-\\x{FAD9}\\x{FB00}-\\x{FB06}\\x{FB13}-\\x{FB17}\\x{FB1D}\\x{FB1F}-\\x{FB28}"       \
    "\\x{FB2A}-\\x{FB36}\\x{FB38}-\\x{FB3C}\\x{FB3E}\\x{FB40}-\\x{FB41}\\x{FB43}-\\x{FB44}"       \
    "\\x{FB46}-\\x{FBB1}\\x{FBD3}-\\x{FD3D}\\x{FD50}-\\x{FD8F}\\x{FD92}-\\x{FDC7}"                \
    "\\x{FDF0}-\\x{FDFB}\\x{FE00}-\\x{FE0F}\\x{FE70}-\\x{FE72}\\x{FE74}\\x{FE76}-\\x{FEFC}"       \
    "\\x{FF10}-\\x{FF19}\\x{FF41}-\\x{FF5A}\\x{FF66}-\\x{FFBE}\\x{FFC2}-\\x{FFC7}"                \
    "\\x{FFCA}-\\x{FFCF}\\x{FFD2}-\\x{FFD7}\\x{FFDA}-\\x{FFDC}\\x{1D165}-\\x{1D169}"              \
    "\\x{1D16D}-\\x{1D172}\\x{1D17B}-\\x{1D182}\\x{1D185}-\\x{1D18B}\\x{1D1AA}-\\x{1D1AD}"        \
    "\\x{1D242}-\\x{1D244}\\x{1D41A}-\\x{1D433}\\x{1D44E}-\\x{1D454}\\x{1D456}-\\x{1D467}"        \
    "\\x{1D482}-\\x{1D49B}\\x{1D4B6}-\\x{1D4B9}\\x{1D4BB}\\x{1D4BD}-\\x{1D4C3}"                   \
    "\\x{1D4C5}-\\x{1D4CF}\\x{1D4EA}-\\x{1D503}\\x{1D51E}-\\x{1D537}\\x{1D552}-\\x{1D56B}"        \
    "\\x{1D586}-\\x{1D59F}\\x{1D5BA}-\\x{1D5D3}\\x{1D5EE}-\\x{1D607}\\x{1D622}-\\x{1D63B}"        \
    "\\x{1D656}-\\x{1D66F}\\x{1D68A}-\\x{1D6A5}\\x{1D6C2}-\\x{1D6DA}\\x{1D6DC}-\\x{1D6E1}"        \
    "\\x{1D6FC}-\\x{1D714}\\x{1D716}-\\x{1D71B}\\x{1D736}-\\x{1D74E}\\x{1D750}-\\x{1D755}"        \
    "\\x{1D770}-\\x{1D788}\\x{1D78A}-\\x{1D78F}\\x{1D7AA}-\\x{1D7C2}\\x{1D7C4}-\\x{1D7C9}"        \
    "\\x{1D7CB}\\x{1D7CE}-\\x{1D7FF}\\x{1EE00}-\\x{1EE03}\\x{1EE05}-\\x{1EE1F}"                   \
    "\\x{1EE21}-\\x{1EE22}\\x{1EE24}\\x{1EE27}\\x{1EE29}-\\x{1EE32}\\x{1EE34}-\\x{1EE37}"         \
    "\\x{1EE39}\\x{1EE3B}\\x{1EE42}\\x{1EE47}\\x{1EE49}\\x{1EE4B}\\x{1EE4D}-\\x{1EE4F}"           \
    "\\x{1EE51}-\\x{1EE52}\\x{1EE54}\\x{1EE57}\\x{1EE59}\\x{1EE5B}\\x{1EE5D}\\x{1EE5F}"           \
    "\\x{1EE61}-\\x{1EE62}\\x{1EE64}\\x{1EE67}-\\x{1EE6A}\\x{1EE6C}-\\x{1EE72}"                   \
    "\\x{1EE74}-\\x{1EE77}\\x{1EE79}-\\x{1EE7C}\\x{1EE7E}\\x{1EE80}-\\x{1EE89}"                   \
    "\\x{1EE8B}-\\x{1EE9B}\\x{1EEA1}-\\x{1EEA3}\\x{1EEA5}-\\x{1EEA9}\\x{1EEAB}-\\x{1EEBB}"        \
    "\\x{1FBF0}-\\x{1FBF9}\\x{2F800}-\\x{2FA1D}\\x{E0100}-\\x{E01EF}"

/* Viramas: canonical combining class 9. */
#define IDN_VIRAMA                                                                                \
    "\\x{94D}\\x{9CD}\\x{A4D}\\x{ACD}\\x{B4D}\\x{BCD}\\x{C4D}\\x{CCD}\\x{D3B}-\\x{D3C}\\x{D4D}"   \
    "\\x{DCA}\\x{E3A}\\x{EBA}\\x{F84}\\x{1039}-\\x{103A}\\x{1714}-\\x{1715}\\x{1734}\\x{17D2}"    \
    "\\x{1A60}\\x{1B44}\\x{1BAA}-\\x{1BAB}\\x{1BF2}-\\x{1BF3}\\x{2D7F}\\x{A806}\\x{A82C}"         \
    "\\x{A8C4}\\x{A953}\\x{A9C0}\\x{AAF6}\\x{ABED}\\x{10A3F}\\x{11046}\\x{11070}\\x{1107F}"       \
    "\\x{110B9}\\x{11133}-\\x{11134}\\x{111C0}\\x{11235}\\x{112EA}\\x{1134D}\\x{11442}\\x{114C2}" \
    "\\x{115BF}\\x{1163F}\\x{116B6}\\x{1172B}\\x{11839}\\x{1193D}-\\x{1193E}\\x{119E0}\\x{11A34}" \
    "\\x{11A47}\\x{11A99}\\x{11C3F}\\x{11D44}-\\x{11D45}\\x{11D97}"

/* Joining types D and L: they join with what follows. */
#define IDN_JOINS_LEFT                                                                           \
    "\\x{620}\\x{626}\\x{628}\\x{62A}-\\x{62E}\\x{633}-\\x{63F}\\x{641}-\\x{647}"                \
    "\\x{649}-\\x{64A}\\x{66E}-\\x{66F}\\x{678}-\\x{687}\\x{69A}-\\x{6BF}\\x{6C1}-\\x{6C2}"      \
    "\\x{6CC}\\x{6CE}\\x{6D0}-\\x{6D1}\\x{6FA}-\\x{6FC}\\x{6FF}\\x{712}-\\x{714}"                \
    "\\x{71A}-\\x{71D}\\x{71F}-\\x{727}\\x{729}\\x{72B}\\x{72D}-\\x{72E}\\x{74E}-\\x{758}"       \
    "\\x{75C}-\\x{76A}\\x{76D}-\\x{770}\\x{772}\\x{775}-\\x{777}\\x{77A}-\\x{77F}"               \
    "\\x{7CA}-\\x{7EA}\\x{841}-\\x{845}\\x{848}\\x{84A}-\\x{853}\\x{855}\\x{860}"                \
    "\\x{862}-\\x{865}\\x{868}\\x{886}\\x{889}-\\x{88D}\\x{8A0}-\\x{8A9}\\x{8AF}-\\x{8B0}"       \
    "\\x{8B3}-\\x{8B8}\\x{8BA}-\\x{8C8}\\x{1807}\\x{1820}-\\x{1878}\\x{1887}-\\x{18A8}\\x{18AA}" \
    "\\x{A840}-\\x{A872}\\x{10AC0}-\\x{10AC4}\\x{10ACD}\\x{10AD3}-\\x{10ADC}"                    \
    "\\x{10ADE}-\\x{10AE0}\\x{10AEB}-\\x{10AEE}\\x{10B80}\\x{10B82}\\x{10B86}-\\x{10B88}"        \
    "\\x{10B8A}-\\x{10B8B}\\x{10B8D}\\x{10B90}\\x{10BAD}-\\x{10BAE}\\x{10D00}-\\x{10D21}"        \
    "\\x{10D23}\\x{10F30}-\\x{10F32}\\x{10F34}-\\x{10F44}\\x{10F51}-\\x{10F53}"                  \
    "\\x{10F70}-\\x{10F73}\\x{10F76}-\\x{10F81}\\x{10FB0}\\x{10FB2}-\\x{10FB3}\\x{10FB8}"        \
    "\\x{10FBB}-\\x{10FBC}\\x{10FBE}-\\x{10FBF}\\x{10FC1}\\x{10FC4}\\x{10FCA}-\\x{10FCB}"        \
    "\\x{1E900}-\\x{1E943}"

/* Joining types D and R: they join with what stands before. */
#define IDN_JOINS_RIGHT                                                                          \
    "\\x{620}\\x{622}-\\x{63F}\\x{641}-\\x{64A}\\x{66E}-\\x{66F}\\x{671}-\\x{673}"               \
    "\\x{675}-\\x{6D3}\\x{6D5}\\x{6EE}-\\x{6EF}\\x{6FA}-\\x{6FC}\\x{6FF}\\x{710}"                \
    "\\x{712}-\\x{72F}\\x{74D}-\\x{77F}\\x{7CA}-\\x{7EA}\\x{840}-\\x{858}\\x{860}"               \
    "\\x{862}-\\x{865}\\x{867}-\\x{86A}\\x{870}-\\x{882}\\x{886}\\x{889}-\\x{88E}"               \
    "\\x{8A0}-\\x{8AC}\\x{8AE}-\\x{8C8}\\x{1807}\\x{1820}-\\x{1878}\\x{1887}-\\x{18A8}\\x{18AA}" \
    "\\x{A840}-\\x{A871}\\x{10AC0}-\\x{10AC5}\\x{10AC7}\\x{10AC9}-\\x{10ACA}"                    \
    "\\x{10ACE}-\\x{10AD6}\\x{10AD8}-\\x{10AE1}\\x{10AE4}\\x{10AEB}-\\x{10AEF}"                  \
    "\\x{10B80}-\\x{10B91}\\x{10BA9}-\\x{10BAE}\\x{10D01}-\\x{10D23}\\x{10F30}-\\x{10F44}"       \
    "\\x{10F51}-\\x{10F54}\\x{10F70}-\\x{10F81}\\x{10FB0}\\x{10FB2}-\\x{10FB6}"                  \
    "\\x{10FB8}-\\x{10FBF}\\x{10FC1}-\\x{10FC4}\\x{10FC9}-\\x{10FCA}\\x{1E900}-\\x{1E943}"

#endif
