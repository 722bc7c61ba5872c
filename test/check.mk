# The tests.  tools/check.sh does the work: it builds, makes a private copy of
# the server's installation in a folder of its own below /tmp, and runs the
# suites there, so that they need neither root nor write access to the system's
# PostgreSQL, and so that several of them may run at the same time.
#
#   make check                                  everything, under 10 minutes
#   make check-regress TESTS="join aggregate"   these two only
#   make check-regress MODE=preload             or MODE=plain; default is both
#   make check-tap TESTS=001_crash KEEP=1       leave the folder behind
#
# What a failed run leaves is in tmp_check/<suite>.

TESTS  ?=
MODE   ?= both
SUITES ?= unit regress isolation tap tools stress-short
export TESTS MODE KEEP JOBS VARIANT_ENV STRESS_FLAGS

check_sh = +@exec env MAKE='$(MAKE)' PG_CONFIG='$(PG_CONFIG)' CC='$(CC)' tools/check.sh

.PHONY: check-all check-unit check-regress check-isolation check-tap \
	check-tools check-long check-stress check-parser fuzz mutants ubsan valgrind \
	check-build bench demo lint lint-code format tidy

# PGXS gives "check" a recipe that only prints a refusal.  Run that recipe with
# a shell that does nothing, and hang our tests on the target instead.
check: private SHELL := true
check: check-all

check-all:
	$(check_sh) $(SUITES)

check-unit:
	$(check_sh) unit

check-regress:
	$(check_sh) regress

check-isolation:
	$(check_sh) isolation

check-tap:
	$(check_sh) tap

# The tests of lint and of the test harness itself.
check-tools:
	$(check_sh) tools

# Minutes more: the stress driver, without and with the scheduler.  Try
#	make check-long STRESS_FLAGS="--seed=7 --refreshes=500"
check-long:
	$(check_sh) long

# The stress driver alone; with the scheduler at work, processes killed, and
# much else, by STRESS_FLAGS="--automatic --seed=7 --minutes=10".
check-stress:
	$(check_sh) stress

# The server's own tests, and all its other SQL, through its parser and ours:
#	make check-parser SOURCE=~/postgresql-15.18
check-parser:
	@test -d '$(SOURCE)/src/test/regress' || \
	    { echo 'SOURCE is a folder with the sources of PostgreSQL' >&2; exit 1; }
	+@PARSER_SOURCE='$(abspath $(SOURCE))' TESTS=091_parser_equality \
	    TAP_TIMEOUT=7200 $(MAKE) -s check-tap

# Mutants of statements for as long as wanted, in a copy of the tree: the server
# is best one made by tools/build-server.sh SOURCE FOLDER asan.
#	make fuzz FUZZ_FLAGS="--minutes=10 --seed=1" PG_CONFIG=FOLDER/bin/pg_config
FUZZ_FLAGS ?= --minutes=10
SANITIZER_OPTIONS := ASAN_OPTIONS=abort_on_error=1:detect_leaks=0:detect_stack_use_after_return=0 \
	UBSAN_OPTIONS=print_stacktrace=1

fuzz:
	@mkdir -p build/fuzz
	@git ls-files -zco --exclude-standard | tar c --null -T - --ignore-failed-read | \
	    tar x -C build/fuzz
	+@FUZZ_FLAGS='$(FUZZ_FLAGS)' TESTS="092_parser_fuzz 095_statement_fuzz" TAP_TIMEOUT=86400 \
	    $(SANITIZER_OPTIONS) VARIANT_ENV='$(SANITIZER_OPTIONS)' \
	    $(MAKE) -s -C build/fuzz check-tap

# Are the tests any good?  Each mutant of the engine must be caught.
#	make mutants MUTANTS="skip_old ignore_part"
MUTANTS ?=
mutants:
	+@PG_CONFIG='$(PG_CONFIG)' bash test/mutants/run.sh $(MUTANTS)

# The suites with undefined behaviour told: in a copy of the tree, for each of
# its objects is another.
ubsan:
	@mkdir -p build/ubsan
	@git ls-files -zco --exclude-standard | tar c --null -T - --ignore-failed-read | \
	    tar x -C build/ubsan
	+@$(MAKE) -C build/ubsan check SUITES='$(if $(filter file,$(origin SUITES)),unit regress isolation,$(SUITES))' \
	    VARIANT_CFLAGS='-O1 -g -fsanitize=undefined' \
	    VARIANT_LDFLAGS=-fsanitize=undefined

# Regression tests under valgrind, with a server made by tools/build-server.sh:
#	make valgrind TESTS="join aggregate" PG_CONFIG=/var/tmp/pg15-valgrind/bin/pg_config
VALGRIND := valgrind --quiet --leak-check=no --trace-children=yes \
	--trace-children-skip=*/psql,*/pg_regress,*/timeout \
	--error-markers=VALGRINDERROR-BEGIN,VALGRINDERROR-END \
	--suppressions=$(bindir)/../src/src/tools/valgrind.supp env

valgrind:
	+@$(MAKE) check-regress MODE=preload TEST_TIMEOUT=3600 VARIANT_ENV='$(VALGRIND)'

# A unit test links the few object files that it names in its head comment, in
# a line " * Objects: src/base/a.o src/base/b.o", with the frontend's palloc
# and StringInfo from libpgcommon.  They run without a server.
UNITS := $(patsubst %.c,%,$(sort $(wildcard test/unit/test_*.c)))

define unit_rule
$(1): $(1).c $$(shell sed -n 's/^.*Objects: *//p' $(1).c)
endef
$(foreach unit,$(UNITS),$(eval $(call unit_rule,$(unit))))

$(UNITS):
	$(CC) $(CFLAGS) $(CPPFLAGS) -MF $@.d -o $@ $(filter %.c %.o,$^) \
	    -L$(pkglibdir) -L$(libdir) -lpgcommon -lpgport -lcmocka -lm \
	    $(VARIANT_LDFLAGS)

-include $(UNITS:=.d)

# The stress driver is a client: libpq, and nothing of the extension.
STRESS := $(if $(wildcard test/stress/*.c),test/stress/stress)

test/stress/stress: $(wildcard test/stress/*.c test/stress/*.h)
	$(CC) $(filter-out -MMD -MP,$(CFLAGS)) -I$(includedir) -I$(includedir_server) \
	    -o $@ $(filter %.c,$^) -L$(libdir) -lpq -lm $(VARIANT_LDFLAGS)

# A client of the protocol, for what psql does not do.
PROTOCOL := $(if $(wildcard test/protocol/*.c),test/protocol/protocol)

test/protocol/protocol: test/protocol/protocol.c
	$(CC) $(filter-out -MMD -MP,$(CFLAGS)) -I$(includedir) -o $@ $^ -L$(libdir) \
	    -lpq $(VARIANT_LDFLAGS)

# Modules for servers that the tests start: they hold copies of the objects
# they test, so that what the server itself has can be compared with those.
PARSER_OBJS := $(addprefix src/syntax/,parser.o tokens.o translate.o \
	$(patsubst src/syntax/%.c,%.o,$(wildcard src/syntax/translations/*.c)))
PARSER_TESTS := $(if $(wildcard test/parser/*.c),$(addprefix test/parser/,\
	parser_test.so selfcheck_test.so parser_taken.so without_wx))

test/parser/parser_test.so: $(addprefix test/parser/,compare.c mutate.c \
	fuzz.c speed.c parser_test.h) $(PARSER_OBJS)
test/parser/selfcheck_test.so: test/parser/selfcheck_test.c src/syntax/selfcheck.c \
	$(PARSER_OBJS)
test/parser/parser_taken.so: test/parser/parser_taken.c src/syntax/jump.o \
	$(PARSER_OBJS)

test/parser/without_wx: test/parser/without_wx.c
	$(CC) $(filter-out -MMD -MP,$(CFLAGS)) -o $@ $^ $(VARIANT_LDFLAGS)

test/parser/%.so:
	$(CC) $(filter-out -MMD -MP,$(CFLAGS)) $(CFLAGS_SL) $(CPPFLAGS) -shared \
	    -Wl,-Bsymbolic -o $@ $(filter test/%.c %.o,$^) $(VARIANT_LDFLAGS)

# What tools/check.sh needs built; not meant to be called by hand.
check-build: all $(UNITS) $(PARSER_TESTS) $(PROTOCOL) $(STRESS)
	@:

# The benchmark makes a server to its own measure; BENCH_FLAGS=--quick is short.
bench:
	@test -f bench/run.sh || { echo 'bench/run.sh does not exist' >&2; exit 1; }
	+@flock .build.lock $(MAKE) -s --no-print-directory with_llvm=no all
	@PG_CONFIG='$(PG_CONFIG)' bash bench/run.sh $(BENCH_FLAGS)

# The demonstration runs beside a server like that of the tests.
demo:
	@test -f demo/run.sh || { echo 'demo/run.sh does not exist' >&2; exit 1; }
	+@exec env MAKE='$(MAKE)' PG_CONFIG='$(PG_CONFIG)' tools/with_server.sh demo

# lint fails with one line per finding.  The objects are there for the names
# they export.
lint: all
	@status=0; \
	tools/lint.pl $(OBJS) || status=1; \
	tools/format.sh --check || status=1; \
	perl test/mutants/apply.pl --check . test/mutants/*.mutant || status=1; \
	exit $$status

# Where there is no clang-format of the version that decides on the layout.
lint-code: all
	@tools/lint.pl $(OBJS)

format:
	@tools/format.sh

# A second opinion by clang-tidy; advice, not a gate.
tidy:
	clang-tidy --quiet $(OBJS:.o=.c) -- $(CPPFLAGS) -std=gnu99
