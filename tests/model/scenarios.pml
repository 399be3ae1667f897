/* The scenarios, included by pool.pml, which has the verbs. There are n slots; so many `workers` can be started, and
 * `needed` of them may; `most` jobs may run at the same time, if that is not n, and none beside the job `alone`. */
:: SCENARIO(plain) -> main!submits(0); main!submits(1); main!drains(0)
:: SCENARIO(spurious) -> spurious = 1; main!submits(0); main!waits(1); main!submits(1); main!drains(0)
:: SCENARIO(two_submitters) -> n = 2; other[0]!submits(0); main!submits(1); main!waits(2); main!drains(0)
:: SCENARIO(three_submitters) -> other[0]!submits(0); other[1]!submits(1); main!submits(2); main!drains(0)
:: SCENARIO(stampede) -> needed = 1; other[0]!submits(0); other[1]!submits(1); main!drains(0)
:: SCENARIO(stampede_and_wait) -> needed = 1; spurious = 2;
    other[0]!submits(0); main!submits(1); main!waits(2); main!drains(0)
/* Jobs that wait for one another: one worker has to send the next. */
:: SCENARIO(hold) -> n = 2; job[0]!holds_for(1); main!submits(0); main!submits(1); main!drains(0)
:: SCENARIO(hold_after_one) -> n = 2; job[1]!holds_for(2);
    main!submits(0); main!submits(1); main!submits(2); main!drains(0)
:: SCENARIO(hold_from_inside) -> n = 2; job[0]!submits(1); job[0]!submits(2); job[1]!holds_for(2);
    main!submits(0); main!drains(0)
:: SCENARIO(hold_for_another) -> n = 2; job[1]!holds_for(2);
    other[0]!submits(2); main!submits(0); main!submits(1); main!holds_for(2); main!drains(0)
:: SCENARIO(hold_three) -> n = 3; workers = 3; job[0]!holds_for(1); job[1]!holds_for(2);
    main!submits(0); main!submits(1); main!submits(2); main!drains(0)
/* get(), n, wait() */
:: SCENARIO(get_with_one) -> job[0]!gets(1); other[0]!submits(0); main!submits(1); main!waits(2); main!drains(0)
:: SCENARIO(get_from_inside) -> job[0]!submits(1); job[0]!submits(2); job[0]!gets(1); main!submits(0); main!drains(0)
:: SCENARIO(get_refused) -> workers = 1; job[0]!submits(1); job[0]!gets(1); main!submits(0); main!drains(0)
:: SCENARIO(two_gets) -> n = 2; workers = 3; job[0]!gets(2); job[1]!gets(2);
    main!submits(0); main!submits(1); main!submits(2); main!drains(0)
:: SCENARIO(gets_in_gets) -> workers = 3; job[0]!submits(1); job[0]!gets(1); job[1]!submits(2); job[1]!gets(2);
    other[0]!submits(3); main!submits(0); main!drains(0)
:: SCENARIO(n_falls) -> n = 2; alone = 2;
    main!submits(0); main!submits(1); main!sets_n(1); main!submits(2); main!drains(0)
:: SCENARIO(n_falls_amid_get) -> n = 2; job[0]!gets(1); job[1]!sets_n(1);
    main!submits(0); main!submits(1); main!submits(2); main!drains(0)
:: SCENARIO(n_falls_amid_start) -> n = 3; workers = 3; job[0]!holds_for(2); job[0]!sets_n(1);
    main!submits(0); main!submits(1); main!submits(2); main!drains(0)
:: SCENARIO(n_falls_beside) -> n = 2; alone = 2;
    other[0]!submits(1); main!submits(0); main!sets_n(1); main!submits(2); main!drains(0)
:: SCENARIO(n_falls_and_rises) -> n = 2; job[1]!holds_for(2);
    main!submits(0); main!sets_n(1); main!submits(1); main!sets_n(2); main!submits(2); main!drains(0)
:: SCENARIO(n_rises) -> most = 2; job[0]!holds_for(1); main!submits(0); main!submits(1); main!sets_n(2); main!drains(0)
:: SCENARIO(wait_beside) -> other[0]!waits(0); main!submits(0); main!waits(1); main!drains(0)
/* A start of a thread fails, and later ones do not. */
:: SCENARIO(retry) -> n = 2; failures = 1; job[0]!awaits_retry(0); job[1]!holds_for(2);
    main!submits(0); main!submits(1); main!submits(2); main!drains(0)
:: SCENARIO(first_refused) -> workers = 1; failures = 2; other[0]!submits(0); main!submits(1); main!drains(0)
:: SCENARIO(block_refused) -> failures = 1; job[0]!gets(1);
    main!submits(0); main!submits(1); main!submits(2); main!drains(0)
/* The end: beside a thread that goes on submitting, for which late_ is the allowance; and exit() in a job. */
:: SCENARIO(late_queued) -> other[0]!submits(0); main!submits(1); main!drains(0)
:: SCENARIO(late_inline) -> late_ = 0; other[0]!submits(0); main!submits(1); main!drains(0)
:: SCENARIO(flood) -> other[0]!submits(0); other[0]!submits(1); other[1]!submits(2); main!drains(0)
:: SCENARIO(late_get) -> n = 2; late_ = 0; job[0]!gets(1); other[0]!submits(1); main!submits(0); main!drains(0)
:: SCENARIO(late_hold) -> n = 2; late_ = 0; job[0]!holds_for(1); other[0]!submits(1); main!submits(0); main!drains(0)
:: SCENARIO(late_wait) -> late_ = 0; other[0]!submits(0); other[1]!waits(0); main!submits(1); main!drains(0)
:: SCENARIO(exit_blocked) -> job[0]!gets(1); job[1]!exits(0); main!submits(0); main!submits(1); main!submits(2)
:: SCENARIO(exit_ready) -> n = 2; workers = 3; job[0]!gets(1); job[2]!exits(0);
    main!submits(0); main!submits(1); main!submits(2)
:: SCENARIO(exit_refused) -> workers = 1; job[0]!exits(0); main!submits(0); main!submits(1)
:: SCENARIO(exit_late) -> job[0]!exits(0); main!submits(0); other[0]!submits(1); other[0]!submits(2)
:: SCENARIO(exit_start_fails) -> n = 2; failures = 1; job[0]!gets(2); job[1]!exits(0);
    main!submits(0); main!submits(1); main!submits(2)
:: SCENARIO(exit_beside_wait) -> job[1]!exits(0); other[0]!waits(0); main!submits(0); main!submits(1)
