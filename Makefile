# pg_trickle: built by PGXS, tested in private clusters (see test/check.mk).
#
#   make [with_llvm=no]     build; with_llvm=no leaves the bitcode out
#   make install            into the server that PG_CONFIG belongs to
#   make check              every test, in clusters of our own
#   make lint               layers, style, symbols; "make format" lays out
#
# CONTRIBUTING.md tells the rest.

PG_CONFIG ?= pg_config

# One clear line instead of a page of errors from a wrong server's headers.
PG_VERSION := $(shell $(PG_CONFIG) --version 2>/dev/null)
PG_MAJOR   := $(shell echo '$(PG_VERSION)' | sed -n 's/^PostgreSQL \([0-9]*\).*/\1/p')
ifeq ($(PG_MAJOR),)
$(error cannot run "$(PG_CONFIG)": install the server development package (Debian: postgresql-server-dev-15) or set PG_CONFIG)
endif
ifeq ($(filter 15 16 17 18,$(PG_MAJOR)),)
$(error pg_trickle needs PostgreSQL 15 to 18, but "$(PG_CONFIG)" belongs to $(PG_VERSION))
endif
PGXS := $(shell $(PG_CONFIG) --pgxs)
ifeq ($(wildcard $(PGXS)),)
$(error cannot find "$(PGXS)": install the server development package (Debian: postgresql-server-dev-$(PG_MAJOR)))
endif

EXTENSION  = pg_trickle
MODULE_big = $(EXTENSION)
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(EXTENSION).control)

# Every C file below src/ belongs to the library; a folder is a layer.
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c src/*/*/*.c)))

# The install script is the parts of sql/install in the order of their names.
SQL_PARTS  = $(sort $(wildcard sql/install/*.sql))
DATA_built = $(EXTENSION)--$(EXTVERSION).sql
DATA       = $(wildcard sql/$(EXTENSION)--*--*.sql)

# The server's headers are "system" headers: quiet, and not in the .d files.
# -MMD stands in PG_CFLAGS because PG_CPPFLAGS also reaches clang's rule for
# bitcode, whose .d files would overwrite the compiler's.
PG_CPPFLAGS = -Iinclude -isystem $(shell $(PG_CONFIG) --includedir-server)
PG_CFLAGS   = -Wall -Wextra -Wno-unused-parameter \
	-Wno-missing-field-initializers -Wshadow -MMD -MP $(VARIANT_CFLAGS)
SHLIB_LINK  = $(VARIANT_LDFLAGS)

EXTRA_CLEAN = $(foreach s,d gcno gcda,$(OBJS:.o=.$(s))) $(UNITS) $(UNITS:=.d) \
	test/stress/stress test/protocol/protocol $(PARSER_TESTS) build tmp_check \
	.build.lock

include $(PGXS)

-include $(OBJS:.o=.d)

# A part that was removed must leave the script too: depend on the folder.
# (printf, because dash's echo would turn \e into an escape character.)
$(DATA_built): $(SQL_PARTS) $(wildcard sql/install) $(EXTENSION).control
	@{ printf '%s\n' \
	    '\echo Use "CREATE EXTENSION $(EXTENSION)" to load this file. \quit'; \
	  for part in $(SQL_PARTS); do printf '\n'; cat "$$part"; done; } > $@.new
	@mv $@.new $@

include test/check.mk
