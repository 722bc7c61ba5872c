/*
 * stress.h
 *	  What the parts of the stress driver know of each other; stress.c tells
 *	  what it is for.
 */
#ifndef STRESS_H
#define STRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <libpq-fe.h>

/* ---- random.c: numbers that a seed repeats ---- */

typedef struct Random
{
	uint64_t state[4];
} Random;

extern void random_seed(Random *random, uint64_t seed, uint64_t stream);
extern uint64_t random_next(Random *random);
extern int random_below(Random *random, int limit); /* 0 .. limit - 1 */
extern bool random_percent(Random *random, int percent);
extern bool random_permille(Random *random, int permille);

/* ---- text.c: a string that grows ---- */

typedef struct Text
{
	char *data;
	size_t length;
	size_t size;
} Text;

extern void text_clear(Text *text); /* to "" */
extern void text_free(Text *text);
extern void text_add(Text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
extern char *text_copy(const char *string); /* malloc'd */

/* ---- options ---- */

typedef struct Options
{
	uint64_t seed;
	int refreshes; /* that did something; then it ends */
	int seconds;   /* or after this time; 0: no limit */
	int writers;   /* sessions of each kind */
	int refreshers;
	const char *shapes; /* comma-separated names; NULL: all */
	const char *bindir; /* start a private server of this installation */
	const char *preload;
	const char *trace; /* file for every statement */
	const char *log;   /* of the private server; NULL: in its folder */
	bool prepared;	   /* the server allows prepared transactions */
	bool verify;	   /* there is verify_stream_table() */
	bool keep;		   /* leave the private server running at the end */
	bool no_coverage;  /* report the coverage, but do not demand it */
	bool automatic;	   /* with the scheduler: automatic.c */
} Options;

extern Options options;

/* ---- server.c: a server of our own ---- */

extern void server_start(void); /* sets PGHOST and the like */
extern void server_stop(void);
extern void server_restart(void); /* as after a crash */

/* ---- tables.c: what is written ---- */

typedef enum ValueKind
{
	VALUE_KEY,		/* int; session s of n writes those with key % n = s */
	VALUE_INT,		/* 0 .. range - 1 */
	VALUE_NULL_INT, /* or often NULL */
	VALUE_NUMERIC,	/* of changing display scale */
	VALUE_QUARTERS, /* float8, exactly representable */
	VALUE_BOOL,		/* or NULL */
	VALUE_WORD,		/* one of "range" words, or NULL */
	VALUE_WORD_KEY, /* never NULL */
	VALUE_LONG,		/* text, often too long to stay in line */
	VALUE_JSON,
} ValueKind;

typedef struct ColumnSpec
{
	const char *name;
	ValueKind kind;
	int range;
} ColumnSpec;

#define MAX_COLUMNS 10

typedef struct TableSpec
{
	const char *name;  /* in schema "stress" */
	const char *owner; /* column whose value % writers is the session, or
						  * NULL: anybody's, found by SKIP LOCKED */
	const char *key;   /* for ON CONFLICT, or NULL */
	int weight;		   /* how often it is written */
	bool side_effects; /* a write to it may write to other tables */
	ColumnSpec columns[MAX_COLUMNS];
} TableSpec;

/* In the order of tables[] in tables.c; a set of tables is a bit mask. */
typedef enum TableId
{
	T_ORDERS,
	T_CUSTOMERS,
	T_PRODUCTS,
	T_REGIONS,
	T_RATES,
	T_EVENTS,
	T_EDGES,
	T_PARTED,
	T_PARENT,
	T_DOCS,
	T_LINES,
	T_PAIRS,
	N_TABLES
} TableId;

#define BIT(table) (UINT32_C(1) << (table))

extern const TableSpec tables[N_TABLES];
extern const char *const schema_sql; /* creates them */

/* ---- shapes.c: what is maintained ---- */

typedef struct Shape
{
	const char *name;  /* the stream table is stress.<name> */
	uint32_t sources;  /* base tables, also those read by upstream ones */
	const char *query; /* {x} stands for stream table x */
	bool recomputes;   /* has no delta rule yet: AUTO, rarely refreshed */
} Shape;

extern const Shape shapes[];
extern const int n_shapes;

/* The query as the stream table has it, and over base tables only. */
extern void shape_definition(const Shape *shape, Text *text);
extern void shape_oracle(const Shape *shape, Text *text);

/* ---- coverage.c: what has been tried ---- */

typedef struct Coverage
{
	int refreshes; /* that did something */
	int differential;
	int recomputed;
	int reset;	   /* of those, by a mark in a log */
	int explained; /* at most so many, by what was truncated */
	int without_rule;
	int nothing;	 /* refreshes with nothing to do; not in refreshes */
	int with_writer; /* while another transaction had written a source */
	int own_write;	 /* in a transaction that had written a source */
	int undone;		 /* rolled back, with the transaction or a savepoint */
	int old_logs;	 /* logs read under a snapshot much older */
	int verifications;
	int comparisons;
	int late_commits;  /* wrote before a refresh, committed after it */
	int aborted_subs;  /* subtransactions undone while rows were buffered */
	int emptied;	   /* log segments */
	int created;	   /* stream tables, while others write */
	int prepared;	   /* transactions that wrote, and were prepared */
	int serialization; /* 40001 */
	int conflicts;	   /* other errors that concurrency explains */
	int transactions;
	int statements;
	int differences;
	int automatic;	   /* refreshes by the scheduler; */
	int chained;	   /* of those, over other stream tables, */
	int atomic;		   /* of an apex with its diamond */
	int gave_way;	   /* cancelled */
	int atomic_checks; /* of diamonds, while they are refreshed */
	int altered;	   /* something beside refreshes */
	int over_stopped;  /* refreshes over a source that is suspended */
	int held;		   /* back: suspended, paused, drained, gated, off */
	int terminated;	   /* processes that refresh, or what they did */
	int crashes;
	int deadlocks;	/* between sessions of ours */
	int quiet;		/* times that all became fresh by themselves */
	double slowest; /* of those, in seconds */
	bool crashing;	/* connections are lost */
	int *per_shape; /* refreshes that did something, by shape */
	int *most_rows; /* that a comparison has seen, by shape */
} Coverage;

extern Coverage coverage;

extern void coverage_init(void);
extern void coverage_recomputed(const Shape *shape, const char *reason);
extern void coverage_count_segments(PGconn *conn);
extern void coverage_count_automatic(PGconn *conn);
extern bool coverage_report(void); /* false if something was not covered */

/* ---- transaction.c: what open transactions have written ---- */

#define MAX_LEVELS 8

typedef struct Level
{
	uint32_t written; /* tables written in this subtransaction */
	uint32_t late;	  /* those of which a consumer was refreshed since */
	int rows;		  /* certainly captured in it */
	int refreshes;	  /* that did something */
} Level;

typedef struct Transaction
{
	bool open;
	bool failed; /* takes nothing but a rollback */
	bool prepared;
	int depth; /* savepoints */
	int bound; /* rows that are buffered, at most */
	Level levels[MAX_LEVELS];
} Transaction;

extern void tx_begin(Transaction *tx);
extern void tx_wrote(Transaction *tx, TableId table, int rows, int bound);
extern void tx_flushed(Transaction *tx);
extern void tx_savepoint(Transaction *tx);
extern void tx_release(Transaction *tx);
extern void tx_rollback_to(Transaction *tx, int depth);
extern void tx_end(Transaction *tx, bool committed);
extern uint32_t tx_written(const Transaction *tx);
extern void tx_refreshed(Transaction *tx, uint32_t sources);

/* ---- statement.c: one random statement ---- */

typedef struct Statement
{
	TableId table;
	bool sure;	 /* each row it counts is captured */
	int per_row; /* log rows per row it counts, at most; 0: no telling */
	int aborted; /* rows it writes and takes back itself */
} Statement;

extern void random_statement(Random *random, int owner, uint32_t allowed,
							 Text *sql, const char **copy_data,
							 Statement *statement);

/* ---- session.c: connections that are not waited for ---- */

typedef struct Step Step;
typedef struct Session Session;

extern double now_seconds(void);
extern PGconn *connect_server(const char *name);
extern Session *session_open(bool writer, int number);
extern void session_close(Session *session);
extern void session_reconnect(Session *session); /* forgets its plan */
extern void session_send(Session *session, const char *sql);
extern PGresult *session_collect(Session *session); /* NULL: not yet */
extern void sessions_wait(Session *const *sessions, int n, int milliseconds);

/* Run a statement and wait; ends the program if it fails. */
extern PGresult *run(PGconn *conn, const char *sql);

extern bool result_ok(const PGresult *result);
extern const char *result_state(const PGresult *result);

/* An error that concurrency explains; counts it. */
extern bool expected_error(const PGresult *result);

/* ---- plan.c: a session's next transaction, as a list of steps ---- */

typedef enum StepKind
{
	STEP_BEGIN,
	STEP_WRITE,
	STEP_SAVEPOINT,
	STEP_RELEASE,
	STEP_ROLLBACK_TO,
	STEP_REFRESH,
	STEP_ACTION, /* what the refresh before it did */
	STEP_COMPARE,
	STEP_VERIFY,
	STEP_IMAGE,	 /* read the stream table; the same as before in this plan? */
	STEP_EXPORT, /* the snapshot; others see the logs under it, */
	STEP_LOGS,	 /* and we see the same in the end */
	STEP_COMMIT,
	STEP_ROLLBACK,
	STEP_PREPARE,
	STEP_COMMIT_PREPARED,
	STEP_ROLLBACK_PREPARED,
	STEP_CONTROL, /* create or drop a stream table */
	STEP_WAIT,
} StepKind;

struct Step
{
	StepKind kind;
	char *sql;			   /* malloc'd; NULL for STEP_WAIT */
	const Shape *shape;	   /* of refreshes and comparisons */
	const char *copy_data; /* for COPY FROM STDIN */
	Statement statement;   /* of STEP_WRITE */
	int number;			   /* savepoint, or turns to wait */
};

#define MAX_STEPS 64

struct Session
{
	int number;
	bool writer;
	PGconn *conn;
	Random random;
	bool busy; /* a statement is running */
	double sent_at;
	PGresult *result; /* so far */
	long wake_tick;	  /* not to be used before */
	const char *copy_data;
	Step steps[MAX_STEPS];
	int n_steps;
	int position; /* of the step that is running, or next */
	int n_transactions;
	Transaction tx;
	bool recovering;		/* a rollback that no step asked for is running */
	bool refresh_own;		/* the last refresh read writes of its own, */
	bool refresh_contended; /* or while others had written */
	bool source_stopped;	/* it could not refresh what it reads */
	char *image;
	char *logs;
};

extern void plan_clear(Session *session);
extern void plan_transaction(Session *session);
extern Step *plan_step(Session *session, StepKind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- step.c: doing a step, and what it came to ---- */

extern PGconn *main_conn;	 /* waits for its statements */
extern PGconn *trouble_conn; /* as well; with --automatic */
extern Session **all_sessions;
extern int n_sessions;
extern long tick; /* statements sent so far */

extern void step_send(Session *session);
extern void step_done(Session *session, PGresult *result);
extern void finish_sessions(void); /* roll back what is open */

/* ---- refresh.c: stream tables, and what they should be ---- */

extern const Shape **active; /* the shapes chosen by --shapes */
extern int n_active;
extern int count_consumers(uint32_t sources);
extern uint32_t active_sources;

extern void create_shapes(PGconn *conn);
extern const Shape *random_shape(Random *random, uint32_t sources);
extern void create_sql(const Shape *shape, const char *table, bool initialize,
					   Text *sql);
extern void compare_sql(const Shape *shape, const char *table, Text *sql);
extern void compare_query_sql(const char *query, const char *table, Text *sql);
extern void image_sql(const Shape *shape, Text *sql);
extern char *read_logs(PGconn *conn, const char *snapshot);
extern void note_action(Session *session, const Shape *shape,
						const PGresult *result);
extern void check_equal(const Session *session, const Shape *shape,
						const PGresult *result);
extern void check_verified(const Session *session, const Shape *shape,
						   const PGresult *result);
extern void final_comparison(PGconn *conn);

/* ---- automatic.c: with the scheduler ---- */

/* A stream table that no session asks for. */
typedef struct Extra
{
	const char *name;
	const char *query;
	const char *oracle; /* over base tables only */
	const char *schedule;
	const char *policy; /* of an atomic diamond; NULL: none ends here */
} Extra;

extern const Extra extras[];
extern const int n_extras;

extern void schedule_sql(Text *sql);
extern void start_automatic(void);
extern void switch_automatic_on(void);
extern void run_automatic(double end);

/* ---- crash.c ---- */

extern void crash(Random *random);

/* ---- stress.c ---- */

extern PGconn *connect_main(void);
extern void take_turn(void);

extern void fail(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));
extern void trace(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

#endif /* STRESS_H */
