# schedule.sh
#	What automatic refreshing does: from a commit to its being visible, for one
#	stream table and for a chain of ten, at rest and beside writers; how many
#	stream tables follow one source; what idle ones cost.  Read by run.sh.

schedule_samples=300
schedule_streams=200
idle_streams=500
idle_seconds=60

set_quick_schedule()
{
	schedule_samples=50
	schedule_streams=50
	idle_streams=100
	idle_seconds=20
}

create_watched_source()
{
	sql "CREATE SCHEMA live;
		CREATE TABLE live.source (id int PRIMARY KEY, kind int, n int);
		INSERT INTO live.source SELECT i, i % 1000, 0
			FROM generate_series(1, 100000) i"
	sql 'VACUUM ANALYZE live.source'
}

# One by one: each takes locks on all its parts.
drop_watched_source()
{
	sql "DO \$\$
		DECLARE
			st text;
		BEGIN
			FOR st IN SELECT pgt_relid::text FROM pgtrickle.pgt_stream_tables
				ORDER BY pgt_id DESC LOOP
				PERFORM pgtrickle.drop_stream_table(st);
				COMMIT;
			END LOOP;
		END \$\$"
	sql 'DROP SCHEMA live CASCADE' 2> /dev/null
}

# chain LENGTH: live.s1 over the source, live.s2 over live.s1, and so on.
create_chain()
{
	local i

	sql "SELECT pgtrickle.create_stream_table('live.s1', 'SELECT kind, sum(n) AS n
			FROM live.source GROUP BY kind')" > /dev/null
	for ((i = 2; i <= $1; i++))
	do
		sql "SELECT pgtrickle.create_stream_table('live.s$i',
				'SELECT kind, n + 1 AS n FROM live.s$((i - 1))')" > /dev/null
	done
}

# Prints for each of many commits the milliseconds after which a reader found
# it in the stream table; it looks every 0.1 ms.  The writer changes a row that
# nobody else does.
latencies()
{
	"$bin/psql" -X -q -At -v ON_ERROR_STOP=1 <<-END 2>&1 | sed -n 's/^.*NOTICE:  //p'
		SET client_min_messages = notice;
		DO \$\$
		DECLARE
			before bigint;
			after bigint;
			committed timestamptz;
		BEGIN
			FOR i IN 1..$schedule_samples LOOP
				SELECT n INTO before FROM live.$1 WHERE kind = 999;
				UPDATE live.source SET n = n + 1000000 WHERE id = 999;
				COMMIT;
				committed := clock_timestamp();
				LOOP
					SELECT n INTO after FROM live.$1 WHERE kind = 999;
					EXIT WHEN after >= before + 1000000;
					COMMIT;
					PERFORM pg_sleep(0.0001);
				END LOOP;
				RAISE NOTICE '%', 1000 * extract(epoch FROM clock_timestamp() - committed);
				COMMIT;
				PERFORM pg_sleep(0.02);
			END LOOP;
		END \$\$;
	END
}

percentile()
{
	sort -g | awk -v p="$1" '{ v[NR] = $1 }
		END { if (NR == 0) exit 1; i = int(NR * p / 100 + 0.999999); print v[i] }'
}

# row_of_latencies WHAT STREAM BUDGET
row_of_latencies()
{
	latencies "$2" > "$stage/latencies"
	row "$1, $schedule_samples commits" \
		"median $(calculate "$(median < "$stage/latencies")") ms" \
		"p99 $(calculate "$(percentile 99 < "$stage/latencies")") ms" '' "$3"
}

# start_writers SECONDS: of the same source, single-row updates by two clients.
start_writers()
{
	echo '\set id random(1000, 90000)
UPDATE live.source SET n = n + 1 WHERE id = :id AND kind <> 999;' > "$stage/write.sql"
	"$bin/pgbench" -n -M prepared -c 2 -T "$1" -f "$stage/write.sql" \
		> "$stage/writers.log" 2>&1 &
	writers=$!
	sleep 1
}

stop_writers()
{
	kill -TERM "$writers" 2> /dev/null || :
	wait "$writers" 2> /dev/null || :
}

bench_latency()
{
	say 'commit to visible'
	create_watched_source
	create_chain 10
	sleep 2
	row_of_latencies 'commit to visible, one stream table' s1 'median < 20 ms'
	row_of_latencies 'commit to visible, chain of 10' s10 ''
	start_writers 1000
	row_of_latencies 'commit to visible, one stream table, beside 2 writers' s1 ''
	row_of_latencies 'commit to visible, chain of 10, beside 2 writers' s10 ''
	stop_writers
	drop_watched_source
}

# refreshes_by SECONDS: of the scheduler, in so long.
count_refreshes()
{
	sql "SELECT count(*) FROM pgtrickle.pgt_refresh_history
		WHERE initiated_by = 'SCHEDULER'"
}

create_followers()
{
	sql "DO \$\$ BEGIN FOR i IN 1..$1 LOOP
			PERFORM pgtrickle.create_stream_table('live.f' || i,
				'SELECT kind, count(*) AS c, sum(n) AS n FROM live.source WHERE kind % $1 <> '
				|| i || ' GROUP BY kind', schedule => '$2');
			COMMIT;
		END LOOP; END \$\$"
}

# From one commit until every stream table shows it.
time_to_all()
{
	sql "DO \$\$
		DECLARE
			committed timestamptz;
		BEGIN
			UPDATE live.source SET n = n + 1 WHERE id = 500;
			-- Before the commit: the first refresh may be faster than we are.
			committed := clock_timestamp();
			COMMIT;
			WHILE EXISTS (SELECT FROM pgtrickle.pgt_stream_tables
				WHERE data_timestamp < committed) LOOP
				COMMIT;
				PERFORM pg_sleep(0.001);
				EXIT WHEN clock_timestamp() > committed + interval '60 s';
			END LOOP;
			RAISE NOTICE '%', 1000 * extract(epoch FROM clock_timestamp() - committed);
		END \$\$" 2>&1 | sed -n 's/^.*NOTICE:  //p'
}

bench_followers()
{
	local before after seconds=10 i

	say "$schedule_streams stream tables on one source"
	create_watched_source
	create_followers "$schedule_streams" 0s
	sleep 2
	for i in 1 2 3 4 5; do time_to_all; sleep 0.5; done > "$stage/all"
	row "one commit until $schedule_streams stream tables on its source show it" \
		"$(calculate "$(median < "$stage/all")") ms" \
		"$(calculate "1000 * $schedule_streams / $(median < "$stage/all")" %.0f) refreshes/s" '' ''
	before=$(count_refreshes)
	start_writers "$seconds"
	wait "$writers"
	after=$(count_refreshes)
	row "$schedule_streams stream tables on one source, beside 2 writers" \
		"$(calculate "($after - $before) / $seconds" %.0f) refreshes/s" \
		"$(sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$stage/writers.log" | head -n 1) tps" '' ''
	drop_watched_source
}

# Of each process of ours, its ticks.
cpu_ticks()
{
	local pid

	for pid in $(sql "SELECT pid FROM pg_stat_activity WHERE backend_type ~ '^pg_trickle'
			ORDER BY pid::text")
	do
		awk '{ print $1, $14 + $15 }' "/proc/$pid/stat"
	done
}

bench_idle()
{
	local used

	say "$idle_streams idle stream tables"
	create_watched_source
	create_followers "$((idle_streams / 2))" 0s
	sql "DO \$\$ BEGIN FOR i IN 1..$((idle_streams - idle_streams / 2)) LOOP
			PERFORM pgtrickle.create_stream_table('live.g' || i,
				'SELECT kind, max(n) AS n FROM live.source GROUP BY kind',
				schedule => '5s'); COMMIT;
		END LOOP; END \$\$"
	sleep 70
	# Workers that left in between do not count: they were about to.
	cpu_ticks > "$stage/ticks.before"
	sleep "$idle_seconds"
	cpu_ticks > "$stage/ticks.after"
	used=$(join "$stage/ticks.before" "$stage/ticks.after" |
		awk '{ s += $3 - $2 } END { print s + 0 }')
	row "$idle_streams idle stream tables, CPU of launcher, scheduler and workers in $idle_seconds s" \
		"$(calculate "100 * $used / $(getconf CLK_TCK) / $idle_seconds" %.3f) % of a core" \
		'' '' '< 0.1 %'
	drop_watched_source
}

bench_schedule()
{
	bench_latency
	bench_followers
	bench_idle
}
