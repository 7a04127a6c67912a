# make install, make uninstall (DESTDIR=, PREFIX=, LIBDIR=).

BINDIR ?= $(PREFIX)/bin
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
DATADIR ?= $(PREFIX)/share/weir
DOCDIR ?= $(PREFIX)/share/doc/weir
INSTALL ?= install
SO := libweir.so.$(VERSION)

# The way from the installed pages to what they point to, which lies elsewhere than beside their sources.
from_docs = $(shell realpath -ms --relative-to=$(DOCDIR)/docs $(1))

.PHONY: install uninstall
install: all
	$(INSTALL) -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)/weir \
	    $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(UNITDIR) $(DESTDIR)$(DATADIR)/schemas/weir $(DESTDIR)$(DATADIR)/schemas/events \
	    $(DESTDIR)$(DOCDIR)/docs $(patsubst %/,$(DESTDIR)$(DOCDIR)/%,$(wildcard examples/*/))
	$(INSTALL) -m 755 $(WEIR) $(DESTDIR)$(BINDIR)/weir
	$(INSTALL) -m 644 $(B)/libweir.a $(DESTDIR)$(LIBDIR)/
	$(INSTALL) -m 755 $(B)/libweir.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/$(SO)
	ln -sf $(SO) $(DESTDIR)$(LIBDIR)/libweir.so.$(SOVERSION)
	ln -sf libweir.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libweir.so
	$(INSTALL) -m 644 include/weir/*.h $(DESTDIR)$(INCLUDEDIR)/weir/
	sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|; s|@VERSION@|$(VERSION)|; s|@LIBS_PRIVATE@|$(PC_LIBS)|' \
	    packaging/weir.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/weir.pc
	sed -e 's|@PREFIX@|$(PREFIX)|' packaging/weir-sync@.service >$(DESTDIR)$(UNITDIR)/weir-sync@.service
	$(INSTALL) -m 644 man/weir.1 $(DESTDIR)$(MANDIR)/man1/
	$(INSTALL) -m 644 schemas/weir/*.json $(DESTDIR)$(DATADIR)/schemas/weir/
	$(INSTALL) -m 644 schemas/events/*.json $(DESTDIR)$(DATADIR)/schemas/events/
	$(INSTALL) -m 644 README.md CHANGELOG.md LICENSE $(DESTDIR)$(DOCDIR)/
	$(INSTALL) -m 644 docs/*.md docs/*.yaml $(DESTDIR)$(DOCDIR)/docs/
	sed -i -e 's|(\.\./include/weir/|($(call from_docs,$(INCLUDEDIR)/weir)/|g; s|(\.\./schemas/|($(call from_docs,$(DATADIR)/schemas)/|g' $(DESTDIR)$(DOCDIR)/docs/*.md
	for f in $$(find examples -type f); do $(INSTALL) -D -m 644 $$f $(DESTDIR)$(DOCDIR)/$$f || exit 1; done
uninstall:
	rm -f $(DESTDIR)$(BINDIR)/weir $(DESTDIR)$(LIBDIR)/libweir.a $(DESTDIR)$(LIBDIR)/libweir.so* \
	    $(DESTDIR)$(LIBDIR)/pkgconfig/weir.pc $(DESTDIR)$(MANDIR)/man1/weir.1 $(DESTDIR)$(UNITDIR)/weir-sync@.service
	rm -rf $(DESTDIR)$(INCLUDEDIR)/weir $(DESTDIR)$(DATADIR) $(DESTDIR)$(DOCDIR)
