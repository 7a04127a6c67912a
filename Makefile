# weir. `make` builds, `make demo` shows, `make check` tests, `make help` lists the rest.
#
# One makefile, no recursion: every object is found by wildcard, so a new file needs no line here.

VERSION := 0.1.0
SOVERSION := 0
B ?= build
WEIR ?= weir
CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib

PKGS := rdkafka lmdb libpq sqlite3 yaml-0.1 libmicrohttpd libcurl zlib libzstd liblzma jansson libpcre2-8
WARN := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
        -Wpointer-arith -Wvla -Wformat=2 -Wundef -Werror
OPT ?= -O2 -g
CFLAGS_ALL := -std=c11 -D_GNU_SOURCE $(OPT) $(WARN) -fPIC -fvisibility=hidden -pthread \
        -Iinclude -Iframework -Iconnectors -Iapp -DWEIR_VERSION='"$(VERSION)"' $(EXTRA) $(CFLAGS)

CORE_SRC := $(sort $(wildcard framework/*/*.c))
LIB_SRC := $(CORE_SRC) $(sort $(wildcard connectors/*/*.c app/*.c))
CLI_SRC := $(sort $(wildcard cli/*.c))
obj = $(patsubst %.c,$(B)/%.o,$(1))

.DEFAULT_GOAL := all
.PHONY: all
all: $(B)/libweir-core.a $(B)/libweir.a $(B)/libweir.so.$(SOVERSION) $(WEIR)

include scripts/deps.mk
PC_CFLAGS = $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
# What libweir-core needs beside libc.
CORE_LIBS := -ljansson -lpcre2-8 -lm
PC_LIBS = $(shell pkg-config --libs $(PKGS) 2>/dev/null)

$(B)/%.o: %.c | deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(if $(filter framework/%,$<),,$(PC_CFLAGS)) -MMD -MP -c $< -o $@

$(B)/libweir-core.a: $(call obj,$(CORE_SRC))
	@rm -f $@
	$(Q)ar rcs $@ $^
$(B)/libweir.a: $(call obj,$(LIB_SRC))
	@rm -f $@
	$(Q)ar rcs $@ $^
$(B)/libweir.so.$(SOVERSION): $(call obj,$(LIB_SRC))
	$(Q)$(CC) $(CFLAGS_ALL) -shared -Wl,-soname,libweir.so.$(SOVERSION) -o $@ $^ $(PC_LIBS) -lm
	@ln -sf libweir.so.$(SOVERSION) $(B)/libweir.so
$(WEIR): $(call obj,$(CLI_SRC)) $(B)/libweir.a
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $^ $(PC_LIBS) -lm

include packaging/install.mk

# ---- tests ---------------------------------------------------------------------------------------
include tests/tests.mk

.PHONY: clean
clean:
	rm -rf build weir demo

ifndef V
Q := @
endif
-include $(shell find $(B) -name '*.d' -type f 2>/dev/null)
