/* What run searches: pool.pml with a fault or none, in scenarios, which are programs of threads and jobs, messages in
 * channels: `main!submits(0)`, `job[0]!gets(1)`. Searched for are assertions that fail (the numbers are the invariants
 * above class pool in the header) and sleep without an end, not who is busy without an end. */
#define PLANTED(fault) (planted == fault)           /* by its name; after it the scenario that has to find it */
#define no_hand_on 1 /* hold: who has come, or looked around, runs its job without a look at the next */
#define no_second_look 2 /* two_gets: balance goes away when a start is refused, though somebody has parked meanwhile */
#define slot_kept 3 /* get_with_one: block does not give the slot back */
#define wanted_back_read_early 4 /* n_falls: pop asks whether slots are wanted back before it looks at the first job */
#define seekers_read_early 5 /* plain: submit reads seekers_ before it counts its job in */
#define closes_while_growing 6 /* stampede: the pool closes while a worker is being started */
#define resumes_last 7 /* get_with_one: unblock grants no slot, and waits until somebody else does */
#define starts_at_once 8 /* stampede: ensure does not wait for what another thread starts */
#define no_retry 9 /* retry: no thread is tried for again */
#define ready_is_cut_off 10 /* exit_ready: exit() in a job also leaves jobs behind whose future is ready */
#define cut_off_read_first 11 /* exit_ready: close_at_lull reads outstanding() after cut_off() */
#define wakes_untold 12 /* spurious: a sleeping worker takes a spurious wake-up for a call */
#define no_last_resort 13 /* exit_refused: the exiting thread runs no jobs */
#define finished_read_last 14 /* wait_beside: outstanding() reads what has finished after what was submitted */
#define leaves_while_growing 15 /* n_falls_amid_start: a worker leaves that may be one whose starter is not back yet */

#include "pool.pml"

/* sets_n, gets, holds_for (a wait that keeps its slot) and submits say which; waits says for which jobs, a set. */
mtype:verb = { submits, sets_n, waits, gets, holds_for, awaits_retry, exits };
chan main = [6] of { mtype:verb, byte };
chan other[2] = [2] of { mtype:verb, byte };        /* threads that are no workers */
chan job[4] = [3] of { mtype:verb, byte };
byte begun, started, ready, over, waiting;          /* sets of jobs; ready: the future; waiting: in get() or exit() */
byte alive, joinable, running, threads; bool ends;  /* workers; jobs that run, threads with a program */
byte failures, spurious;                            /* so many starts may fail, so many wake-ups are spurious */
hidden byte workers = 2, n = 1, most, needed, alone = NONE, planted, scenario;

inline job_goes_on() { running++; waiting = waiting & ~bit_of(next);
    assert(running <= most && (running == 1 || !(started & ~ready & bit_of(alone)))) }
inline begin_job() { assert(!(started & bit_of(next))); started = started | bit_of(next); job_goes_on() } /* (2) */
inline job_waits() { running--; waiting = waiting | bit_of(next) }
inline end_job() { running--; ready = ready | bit_of(next) }
#define count_of(set) ((set & 1) + (set >> 1 & 1) + (set >> 2 & 1))
inline act(program) {
    do
    :: program?submits(object) -> submit(object)
    :: program?sets_n(object) -> set_limit(object)
    :: program?waits(object) -> wait(); assert((over & object) == object)
    :: program?gets(object) -> get(object)
    :: program?holds_for(object) -> ready & bit_of(object)
    :: program?awaits_retry(_) -> retry_ > 0 || workers_ > 1
    :: program?exits(_) -> drain();
        d_step { ends = true; assert((begun & ~over & ~waiting) == 0 && count_of(alive) == blocked_) }; !self
    :: atomic { empty(program) -> object = 0; if :: self -> end_job() :: else -> threads-- fi; break }
    od }
proctype worker(byte self) { LOCALS; work() }
proctype thread(chan program; byte self) { LOCALS; act(program) }
inline run_thread(program) { if :: nempty(program) -> threads++; run thread(program, 0) :: empty(program) fi }
#define SCENARIO(name) scenario == __COUNTER__ /* they are numbered from 0, in their order */
init { byte each;
    d_step {
        c_code { planted = atoi(getenv("PLANTED")); scenario = atoi(getenv("SCENARIO")); };
        if /* There are n slots; so many `workers` can be started, and `needed` of them may; `most` jobs may run at the
            * same time, if that is not n, and none beside the job `alone`. */
:: SCENARIO(plain) -> main!submits(0); main!submits(1); main!exits(0)
:: SCENARIO(spurious) -> spurious = 1; main!submits(0); main!waits(1); main!submits(1); main!exits(0)
:: SCENARIO(two_submitters) -> n = 2; other[0]!submits(0); main!submits(1); main!waits(2); main!exits(0)
:: SCENARIO(three_submitters) -> other[0]!submits(0); other[1]!submits(1); main!submits(2); main!exits(0)
:: SCENARIO(stampede) -> needed = 1; other[0]!submits(0); other[1]!submits(1); main!exits(0)
:: SCENARIO(stampede_and_wait) -> needed = 1; spurious = 2;
    other[0]!submits(0); main!submits(1); main!waits(2); main!exits(0)
/* Jobs that wait for one another: one worker has to send the next. */
:: SCENARIO(hold) -> n = 2; job[0]!holds_for(1); main!submits(0); main!submits(1); main!exits(0)
:: SCENARIO(hold_after_one) -> n = 2; job[1]!holds_for(2);
    main!submits(0); main!submits(1); main!submits(2); main!exits(0)
:: SCENARIO(hold_from_inside) -> n = 2; job[0]!submits(1); job[0]!submits(2); job[1]!holds_for(2);
    main!submits(0); main!exits(0)
:: SCENARIO(hold_for_another) -> n = 2; job[1]!holds_for(2);
    other[0]!submits(2); main!submits(0); main!submits(1); main!holds_for(2); main!exits(0)
:: SCENARIO(hold_three) -> n = 3; workers = 3; job[0]!holds_for(1); job[1]!holds_for(2);
    main!submits(0); main!submits(1); main!submits(2); main!exits(0)
/* get(), n, wait() */
:: SCENARIO(get_with_one) -> job[0]!gets(1); other[0]!submits(0); main!submits(1); main!waits(2); main!exits(0)
:: SCENARIO(get_from_inside) -> job[0]!submits(1); job[0]!submits(2); job[0]!gets(1); main!submits(0); main!exits(0)
:: SCENARIO(get_refused) -> workers = 1; job[0]!submits(1); job[0]!gets(1); main!submits(0); main!exits(0)
:: SCENARIO(two_gets) -> n = 2; workers = 3; job[0]!gets(2); job[1]!gets(2);
    main!submits(0); main!submits(1); main!submits(2); main!exits(0)
:: SCENARIO(gets_in_gets) -> workers = 3; job[0]!submits(1); job[0]!gets(1); job[1]!submits(2); job[1]!gets(2);
    other[0]!submits(3); main!submits(0); main!exits(0)
:: SCENARIO(n_falls) -> n = 2; alone = 2;
    main!submits(0); main!submits(1); main!sets_n(1); main!submits(2); main!exits(0)
:: SCENARIO(n_falls_amid_get) -> n = 2; job[0]!gets(1); job[1]!sets_n(1);
    main!submits(0); main!submits(1); main!submits(2); main!exits(0)
:: SCENARIO(n_falls_amid_start) -> n = 3; workers = 3; job[0]!holds_for(2); job[0]!sets_n(1);
    main!submits(0); main!submits(1); main!submits(2); main!exits(0)
:: SCENARIO(n_falls_beside) -> n = 2; alone = 2;
    other[0]!submits(1); main!submits(0); main!sets_n(1); main!submits(2); main!exits(0)
:: SCENARIO(n_falls_and_rises) -> n = 2; job[1]!holds_for(2);
    main!submits(0); main!sets_n(1); main!submits(1); main!sets_n(2); main!submits(2); main!exits(0)
:: SCENARIO(n_rises) -> most = 2; job[0]!holds_for(1); main!submits(0); main!submits(1); main!sets_n(2); main!exits(0)
:: SCENARIO(wait_beside) -> other[0]!waits(0); main!submits(0); main!waits(1); main!exits(0)
/* A start of a thread fails, and later ones do not. */
:: SCENARIO(retry) -> n = 2; failures = 1; job[0]!awaits_retry(0); job[1]!holds_for(2);
    main!submits(0); main!submits(1); main!submits(2); main!exits(0)
:: SCENARIO(first_refused) -> workers = 1; failures = 2; other[0]!submits(0); main!submits(1); main!exits(0)
:: SCENARIO(block_refused) -> failures = 1; job[0]!gets(1);
    main!submits(0); main!submits(1); main!submits(2); main!exits(0)
/* The end: beside a thread that goes on submitting, for which late_ is the allowance; and exit() in a job. */
:: SCENARIO(late_queued) -> other[0]!submits(0); main!submits(1); main!exits(0)
:: SCENARIO(late_inline) -> late_ = 0; other[0]!submits(0); main!submits(1); main!exits(0)
:: SCENARIO(flood) -> other[0]!submits(0); other[0]!submits(1); other[1]!submits(2); main!exits(0)
:: SCENARIO(late_get) -> n = 2; late_ = 0; job[0]!gets(1); other[0]!submits(1); main!submits(0); main!exits(0)
:: SCENARIO(late_hold) -> n = 2; late_ = 0; job[0]!holds_for(1); other[0]!submits(1); main!submits(0); main!exits(0)
:: SCENARIO(late_wait) -> late_ = 0; other[0]!submits(0); other[1]!waits(0); main!submits(1); main!exits(0)
:: SCENARIO(exit_blocked) -> job[0]!gets(1); job[1]!exits(0); main!submits(0); main!submits(1); main!submits(2)
:: SCENARIO(exit_ready) -> n = 2; workers = 3; job[0]!gets(1); job[2]!exits(0);
    main!submits(0); main!submits(1); main!submits(2)
:: SCENARIO(exit_refused) -> workers = 1; job[0]!exits(0); main!submits(0); main!submits(1)
:: SCENARIO(exit_late) -> job[0]!exits(0); main!submits(0); other[0]!submits(1); other[0]!submits(2)
:: SCENARIO(exit_start_fails) -> n = 2; failures = 1; job[0]!gets(2); job[1]!exits(0);
    main!submits(0); main!submits(1); main!submits(2)
:: SCENARIO(exit_beside_wait) -> job[1]!exits(0); other[0]!waits(0); main!submits(0); main!submits(1)
        fi;
        limit_ = n; most = (most -> most : n); needed = (needed -> needed : workers); spare_ = bit_of(workers) - 1 };
    atomic { /* workers first, as sets of processes are of 8 bits */
        for (each : 0 .. workers - 1) { run worker(bit_of(each)) };
        run_thread(main); run_thread(other[0]); run_thread(other[1]) };
    timeout -> assert(ends && (threads == 0 || exits_ > 0)) } /* (3); all programs end, but for exit() */
