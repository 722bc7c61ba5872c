# syntax.sh
#	What ordinary statements pay for CREATE STREAM TABLE: the time to parse a
#	statement of 1 kB and of 100 kB, and pgbench -S, with pg_trickle.sql_syntax on
#	and off.  The two take turns, with a restart between, in an order that
#	changes from round to round.  Read by run.sh.

# An ordinary statement of about so many bytes.
statement_of()
{
	echo "SELECT 'SELECT a.id, ' || string_agg(format('coalesce(a.column_%s, %s) + b.value AS result_%s', i, i, i), ', ')
		|| ' FROM accounts a JOIN branches b USING (bid) WHERE a.id = 42 ORDER BY 1'
		FROM generate_series(1, $1 / 52) i"
}

prepare_syntax()
{
	flock "$tree/.build.lock" make -s -C "$tree" PG_CONFIG="$PG_CONFIG" \
		with_llvm=no test/parser/parser_test.so > "$stage/module.log" 2>&1 ||
		{ cat "$stage/module.log" >&2; die 'no module'; }
	cp "$tree/test/parser/parser_test.so" "$stage/"
	sql "CREATE FUNCTION public.parser_speed(bytea, int) RETURNS float8
			AS '$stage/parser_test', 'parser_test_speed' LANGUAGE C STRICT"
	"$bin/pgbench" -i -q -s 10 2>> "$stage/pgbench.log" > /dev/null
}

# parse_time BYTES TIMES: microseconds.
parse_time()
{
	sql "SELECT round(public.parser_speed(
			convert_to(($(statement_of "$1")), 'UTF8'), $2)::numeric, 2)"
}

# select_rate SECONDS: transactions per second of two clients.
select_rate()
{
	"$bin/pgbench" -S -n -c 2 -j 2 -T "$1" 2>> "$stage/pgbench.log" |
		sed -n 's/^tps = \([0-9]*\).*/\1/p'
}

# measure_with on|off
measure_with()
{
	restart_server "pg_trickle.sql_syntax=$1"
	select_rate 1 > /dev/null
	parse_time 1000 20000 >> "$stage/parse.1000.$1"
	parse_time 100000 200 >> "$stage/parse.100000.$1"
	select_rate "$pgbench_seconds" >> "$stage/select.$1"
}

# The two measurements of a round were made one after the other: their ratio
# says more than that of the medians.
ratio_of()
{
	paste "$1.on" "$1.off" |
		awk '{ printf "%.4f\n", $1 / $2 * 100 }' | median
}

report_syntax()
{
	local bytes file

	for bytes in 1000 100000
	do
		file=$stage/parse.$bytes
		row "parsing a statement of $((bytes / 1000)) kB, min of $pgbench_rounds" \
			"$(minimum < "$file.on") us" "sql_syntax off $(minimum < "$file.off") us" \
			"$(calculate "$(minimum < "$file.on") / $(minimum < "$file.off") * 100" %.1f) %" \
			'<= 101 % of off'
	done
	file=$stage/select
	row "pgbench -S, 2 clients, median of $pgbench_rounds" \
		"$(median < "$file.on") tps" "sql_syntax off $(median < "$file.off") tps" \
		"$(calculate "$(ratio_of "$file")" %.1f) %" '>= 99 % of off'
}

bench_syntax()
{
	local round

	[ -n "$preload" ] || return 0
	say 'syntax'
	prepare_syntax
	for ((round = 1; round <= pgbench_rounds; round++))
	do
		measure_with $([ $((round % 2)) = 0 ] && echo on || echo off)
		measure_with $([ $((round % 2)) = 0 ] && echo off || echo on)
	done
	report_syntax
	restart_server
}
