# refresh.sh
#	What a refresh costs: with nothing, 1, 100 and 10,000 changed rows, over
#	sources of several sizes, against REFRESH MATERIALIZED VIEW of the same
#	query in the same run.  Read by run.sh.

query_of()
{
	case $1 in
		join)
			echo 'SELECT s.id, s.qty, s.amount, t.name FROM bench.sales s
				JOIN bench.stores t ON t.id = s.store' ;;
		aggregate)
			echo 'SELECT t.region, count(*) AS n, sum(s.amount) AS total,
				avg(s.qty) AS mean FROM bench.sales s
				JOIN bench.stores t ON t.id = s.store GROUP BY t.region' ;;
	esac
}

# create_sources ROWS: one store for 100 sales, at most 1,000 regions.
create_sources()
{
	local rows=$1 stores=$(($1 / 100))

	sql "CREATE SCHEMA bench;
		CREATE TABLE bench.stores (id int PRIMARY KEY, region int, name text);
		CREATE TABLE bench.sales (id int PRIMARY KEY, store int, qty int,
			amount numeric(12,2));
		INSERT INTO bench.stores SELECT i, i % 1000, 'store ' || i
			FROM generate_series(1, $stores) i;
		INSERT INTO bench.sales SELECT i, 1 + i % $stores, i % 10, i % 1000
			FROM generate_series(1, $rows) i;
		CREATE INDEX ON bench.sales (store)"
	sql 'VACUUM ANALYZE bench.stores'
	sql 'VACUUM ANALYZE bench.sales'
	sql 'CHECKPOINT'
}

refresh_statement="SELECT pgtrickle.refresh_stream_table('bench.st')"

create_stream()
{
	sql "SELECT pgtrickle.create_stream_table('bench.st', '$(query_of "$1")',
			schedule => 'manual', refresh_mode => 'DIFFERENTIAL')" > /dev/null
	sql "CREATE MATERIALIZED VIEW bench.mv AS $(query_of "$1")"
	sql 'VACUUM ANALYZE bench.st'
	sql 'CHECKPOINT'
}

drop_stream()
{
	sql "SELECT pgtrickle.drop_stream_table('bench.st')" > /dev/null
	sql 'DROP MATERIALIZED VIEW bench.mv'
}

# change ROWS CHANGED: an UPDATE of so many rows, other ones each time.
change()
{
	local first="1 + (:i::bigint * 7919 * $2) % $1"

	[ "$2" -ge "$1" ] && first=1
	echo "UPDATE bench.sales SET amount = amount + 1, qty = qty + 1" \
		"WHERE id >= $first AND id < $first + $2"
}

# Was it a delta that was measured?
check_actions()
{
	local other

	other=$(sql "SELECT string_agg(DISTINCT action, ', ')
			FROM pgtrickle.get_refresh_history('bench.st', $1)
			WHERE action <> 'DIFFERENTIAL'")
	[ -z "$other" ] || row "(among these $1 refreshes: $other)" '' '' '' ''
}

# budget_of QUERY CHANGED: the join is only reported, but in the aggregate.
budget_of()
{
	case $1:$2 in
		aggregate:1) echo '< 1 ms, flat within 1.5 x' ;;
		aggregate:10000) echo '< 20 ms' ;;
	esac
}

# measure_query ROWS QUERY
measure_query()
{
	local rows=$1 query=$2 recompute changed repetitions delta

	create_stream "$query"
	recompute=$(timed_command $recomputations '' \
		'REFRESH MATERIALIZED VIEW bench.mv' | median)
	row "$query over $rows rows, nothing changed" \
		"$(timed_sql 300 '' "$refresh_statement" | median) ms" \
		"recomputation $recompute ms" '' '< 0.2 ms'
	for changed in 1 100 10000
	do
		repetitions=$((changed == 1 ? 300 : changed == 100 ? 100 : 30))
		delta=$(timed_sql $repetitions "$(change "$rows" $changed)" \
			"$refresh_statement" | median)
		row "$query over $rows rows, $changed changed" "$delta ms" \
			"recomputation $recompute ms" \
			"$(calculate "$recompute / $delta" %.1f) x faster" \
			"$(budget_of "$query" $changed)"
		check_actions $repetitions
	done
	[ "$query:$rows" != "aggregate:$snapshot_rows" ] || measure_backends "$rows"
	[ "$query:$rows" != "aggregate:$snapshot_rows" ] || measure_snapshot "$rows"
	drop_stream
}

# first_refreshes ROWS FIRST: prints how long 30 sessions take for their first
# refresh; the row that is changed before each is number FIRST and those after.
first_refreshes()
{
	local i

	for ((i = $2; i < $2 + 30; i++))
	do
		sql "$(change "$1" 1 | sed "s/:i/$i/g")"
		timed_command 1 '' "$refresh_statement"
	done
}

cache_hits()
{
	sql 'SELECT hits FROM pgtrickle.cache_stats()'
}

# A session takes what others have compiled from the shared cache, if there is
# one, and parses and plans.  What it saves is told by a server without it.
measure_backends()
{
	local warm hits first compiled

	warm=$(timed_sql 50 "$(change "$1" 1)" "$refresh_statement" | median)
	hits=$(cache_hits)
	first=$(first_refreshes "$1" 1000 | median)
	hits=$(($(cache_hits) - hits))
	row "first refresh of a session, aggregate over $1 rows, 1 changed, $hits of 30 from the shared cache" \
		"$first ms" "warm $warm ms" "+$(calculate "$first - $warm") ms" \
		'< +2 ms'
	[ -n "$preload" ] || return 0

	restart_server 'pg_trickle.shared_cache_size=0'
	first_refreshes "$1" 2000 > /dev/null
	warm=$(timed_sql 50 "$(change "$1" 1)" "$refresh_statement" | median)
	compiled=$(first_refreshes "$1" 3000 | median)
	row "the same without the shared cache" "$compiled ms" "warm $warm ms" \
		"+$(calculate "$compiled - $warm") ms" ''
	restart_server
	first_refreshes "$1" 4000 > /dev/null
}

open_old_snapshot()
{
	"$bin/psql" -X -q -o /dev/null 2> /dev/null <<-END &
		SET application_name = 'old snapshot';
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		SELECT count(*) FROM bench.stores;
		SELECT pg_sleep(100000);
	END
	until [ -n "$(snapshot_age)" ]
	do
		sleep 0.1
	done
}

# In seconds; nothing if there is no such snapshot.
snapshot_age()
{
	sql "SELECT round(extract(epoch FROM clock_timestamp() - xact_start))
		FROM pg_stat_activity WHERE application_name = 'old snapshot'
			AND wait_event = 'PgSleep' AND backend_xmin IS NOT NULL"
}

close_old_snapshot()
{
	sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE application_name = 'old snapshot'" > /dev/null
	wait $! 2> /dev/null || :
}

# refresh_for SECONDS ROWS [RATE]: changes a random row, refreshes, and so on, so
# many times a second or as often as one client does that; prints how often.
refresh_for()
{
	cat > "$stage/one_row.sql" <<-END
		\\set i random(1, $2)
		$(change "$2" 1);
		$refresh_statement;
	END
	"$bin/pgbench" -n -T "$1" ${3:+-R "$3"} -f "$stage/one_row.sql" \
		2>> "$stage/pgbench.log" |
		sed -n 's/^number of transactions actually processed: //p'
}

# report_snapshot ROWS NEW REFRESHES BUDGET: what one takes now, against NEW, the
# time when the snapshot was new.
report_snapshot()
{
	local age time

	age=$(snapshot_age)
	[ -n "$age" ] || die 'the old snapshot is gone'
	time=$(timed_sql 300 "$(change "$1" 1)" "$refresh_statement" | median)
	row "aggregate over $1 rows, 1 changed, beside a snapshot that is $age s old, after $3" \
		"$time ms" "when it was new $2 ms" "$(calculate "$time / $2") x" "$4"
	check_actions 300
}

# A snapshot that stays open keeps every dead row version and every log segment
# alive.  So what counts is how much was changed since: first what a database
# at work changes, then as much as one client can.
measure_snapshot()
{
	local new refreshes

	say "refreshes for $snapshot_seconds s beside an old snapshot"
	open_old_snapshot
	new=$(timed_sql 300 "$(change "$1" 1)" "$refresh_statement" | median)
	refreshes=$(refresh_for "$snapshot_seconds" "$1" $snapshot_rate)
	report_snapshot "$1" "$new" "$refreshes refreshes, $snapshot_rate a second" \
		'< 1 ms, flat within 1.5 x'
	refreshes=$(refresh_for "$snapshot_rush" "$1")
	report_snapshot "$1" "$new" "$refreshes more in $snapshot_rush s" ''
	close_old_snapshot
}

bench_refresh()
{
	local rows query

	for rows in $source_rows
	do
		say "refresh over $rows rows"
		create_sources "$rows"
		for query in join aggregate
		do
			measure_query "$rows" $query
		done
		sql 'DROP SCHEMA bench CASCADE' 2> /dev/null
	done
}
