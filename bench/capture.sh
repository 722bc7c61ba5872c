# capture.sh
#	What a tracked table costs its writers.  Read by run.sh.
#
# Two tables that differ in nothing but a stream table over one of them are
# written in alternation, so that a noisy moment hits both.

tables='untracked tracked'

swap_tables()
{
	tables="${tables#* } ${tables%% *}"
}

prepare_capture()
{
	local table

	sql 'CREATE SCHEMA bench'
	for table in $tables
	do
		sql "CREATE TABLE bench.$table (id int PRIMARY KEY, grp int,
				val int, amount numeric)"
	done
	sql "SELECT pgtrickle.create_stream_table('bench.watcher',
			'SELECT grp, count(*) AS n, sum(val) AS total,
			 sum(amount) AS amount FROM bench.tracked GROUP BY grp',
			schedule => 'manual')" > /dev/null
}

# Not measured: both tables as they were, and the log empty again.
clean_capture()
{
	sql "SELECT pgtrickle.refresh_stream_table('bench.watcher')" > /dev/null
	sql 'VACUUM bench.untracked'
	sql 'VACUUM bench.tracked'
	sql 'CHECKPOINT'
}

bulk_statement()
{
	case $1 in
		INSERT)
			echo "INSERT INTO bench.$2 SELECT i, i % 100, i, i * 1.5
				FROM generate_series(1, $bulk_rows) i" ;;
		UPDATE) echo "UPDATE bench.$2 SET val = val + 1, amount = amount + 1" ;;
		DELETE) echo "DELETE FROM bench.$2" ;;
	esac | tr -s '\n\t' '  '
}

measure_bulk()
{
	local round operation table

	for ((round = 1; round <= bulk_rounds; round++))
	do
		for operation in INSERT UPDATE DELETE
		do
			for table in $tables
			do
				timed_command 1 '' "$(bulk_statement $operation $table)" \
					>> "$stage/bulk.$operation.$table"
			done
			swap_tables
			clean_capture
		done
	done
}

report_bulk()
{
	local operation plain tracked ratio micros budget

	for operation in INSERT UPDATE DELETE
	do
		plain=$(minimum < "$stage/bulk.$operation.untracked")
		tracked=$(minimum < "$stage/bulk.$operation.tracked")
		ratio=$(calculate "$tracked / $plain")
		micros=$(calculate "($tracked - $plain) * 1000 / $bulk_rows")
		budget='<= +1 us per row'
		[ $operation = INSERT ] && budget='<= 1.35 x untracked'
		row "$operation of $bulk_rows rows, min of $bulk_rounds" \
			"$tracked ms" "untracked $plain ms" \
			"$ratio x, $micros us per row" "$budget"
		row "$operation of $bulk_rows rows, median of $bulk_rounds" \
			"$(median < "$stage/bulk.$operation.tracked") ms" \
			"untracked $(median < "$stage/bulk.$operation.untracked") ms" \
			'' "$budget"
	done
}

# pgbench_rate TABLE CLIENTS: transactions per second.
pgbench_rate()
{
	cat > "$stage/update.sql" <<-END
		\\set id random(1, $pgbench_rows)
		UPDATE bench.$1 SET val = val + 1, amount = amount + 1 WHERE id = :id;
	END
	"$bin/pgbench" -n -M prepared -c "$2" -j "$2" -T "$pgbench_seconds" \
		-f "$stage/update.sql" 2>> "$stage/pgbench.log" |
		sed -n 's/^tps = \([0-9]*\).*/\1/p'
}

measure_single()
{
	local round table clients

	for table in $tables
	do
		sql "INSERT INTO bench.$table SELECT i, i % 100, i, i * 1.5
				FROM generate_series(1, $pgbench_rows) i"
	done
	clean_capture
	for ((round = 1; round <= pgbench_rounds; round++))
	do
		for clients in 1 4
		do
			for table in $tables
			do
				pgbench_rate $table $clients >> "$stage/tps.$clients.$table"
			done
		done
		swap_tables
		[ $((round % 4)) != 0 ] || clean_capture
	done
}

# The two rates of a round were measured one after the other: their ratio says
# more than that of the medians.
report_single()
{
	local clients plain tracked

	for clients in 1 4
	do
		plain=$stage/tps.$clients.untracked
		tracked=$stage/tps.$clients.tracked
		row "single-row UPDATE, $clients client(s), median of $pgbench_rounds" \
			"$(median < "$tracked") tps" "untracked $(median < "$plain") tps" \
			"$(paste "$tracked" "$plain" | awk '{ printf "%.1f\n", $1 / $2 * 100 }' |
				median) %" '>= 95 % of untracked'
	done
}

bench_capture()
{
	say 'capture'
	prepare_capture
	measure_bulk
	report_bulk
	measure_single
	report_single
	sql "SELECT pgtrickle.drop_stream_table('bench.watcher')" > /dev/null
	sql 'DROP SCHEMA bench CASCADE' 2> /dev/null
}
