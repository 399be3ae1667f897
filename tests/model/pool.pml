/* The protocol of the rooms queue, slots, pool and lifetime of include/background.hpp, for the model checker Spin: see
 * run. Every name is that of the header's function or variable. Left out: fork; looks (one that finds nothing changes
 * nothing, one that finds a job is the pop that comes after it); that exit() interrupts a wait; weaker memory orders.
 * Searched for are assertions that fail (the numbers are the invariants above class pool) and sleep without an end, not
 * who is busy without an end.
 *
 * A step accesses one of the variables that others use without mutex_, and any that mutex_ guards. It may begin with
 * taking mutex_, and end with releasing it and waking: others see no difference. pop is one step: who pops holds
 * popping_, so what it sees first stays first until it has read recall_. Where a step reads more than one such variable
 * (send_for_pushed, hand_on) it allows all that the header does, and more.
 *
 * Threads and jobs have programs, messages in channels: `main!submits(0)`, `job[0]!gets(1)`. A function that returns
 * something sets a variable, which its comment names. Sets are of bits. */
#define WORKERS 3
#define JOBS 4
#define NONE 15
#define bit_of(each) (1 << (each))
#define LOCALS byte next = NONE, next_worker = NONE, told, place, object, count, most_sent; \
    bool may, old, failed, recalled, idle, was_idle, counts; short sum

#define PLANTED(fault) (planted == fault)           /* by its name; after it the scenario that has to find it */
#define no_hand_on 1 /* hold: who has come, or looked around, runs its job without a look at the next */
#define no_second_look 2 /* two_gets: balance goes away when a start is refused, though somebody has parked meanwhile */
#define slot_kept 3 /* get_with_one: block does not give the slot back */
#define recall_read_early 4 /* n_falls: pop reads recall_ before it looks at the first job */
#define token_read_early 5 /* plain: submit reads token_ and coming_ before it pushes */
#define closes_while_growing 6 /* stampede: the pool closes while a worker is being started */
#define resumes_last 7 /* get_with_one: unblock grants no slot, and waits until somebody else does */
#define starts_at_once 8 /* stampede: start_spare does not wait for what another thread starts */
#define no_retry 9 /* retry: no thread is tried for again */
#define ready_is_cut_off 10 /* exit_ready: exit() in a job also leaves jobs behind whose future is ready */
#define cut_off_read_first 11 /* exit_ready: close_at_lull reads outstanding() after cut_off() */
#define wakes_untold 12 /* spurious: a parker takes a spurious wake-up for a call */
#define no_last_resort 13 /* exit_refused: the exiting thread runs no jobs */
#define finished_read_last 14 /* wait_beside: outstanding() reads what has finished after what was submitted */

/* sets_n, gets, holds_for (a wait that keeps its slot) and submits say which; waits says for which jobs, a set. */
mtype:verb = { submits, sets_n, waits, drains, gets, holds_for, awaits_retry, exits };
chan main = [6] of { mtype:verb, byte };
chan other[2] = [2] of { mtype:verb, byte };        /* threads that are no workers */
chan job[JOBS] = [3] of { mtype:verb, byte };
bool mutex_, slot_free_ = true, token_, recall_, staffed_, draining_, closing, closed_;
byte limit_, coming_, held_, workers_, growing_, blocked_, leaving_, exits_, late_ = 1, inline_, retry_;
byte last_left_ = NONE;
byte counted_in, submitted, finished;               /* queue::submitted_; the sums of what the workers count */
byte queue_[JOBS], head, end_;                      /* jobs by their place */
bool linked[JOBS + 3];                              /* by place; one that is not is a gap */
chan parked_ = [WORKERS] of { byte };               /* sorted, as no promise depends on the order */
chan resuming_ = [WORKERS] of { byte };
chan spare_ = [WORKERS] of { byte };                /* and those that have not been started yet */
byte changed_, told_;                               /* processes asleep on the bell; workers that are told to go on */
bool is_coming[WORKERS], is_dismissed[WORKERS];
byte awaited[WORKERS] = NONE;                       /* the job whose future a job waits for in get() */
/* Known to the assertions alone. */
byte begun, started, ready, over, waiting;          /* sets of jobs; ready: the future; waiting: in get() or exit() */
byte alive, running, threads; bool ends;            /* workers with a thread, jobs that run, threads with a program */
byte failures, spurious;                            /* so many starts may fail, so many wake-ups are spurious */
hidden byte workers = 2, n = 1, most, needed, alone = NONE, planted, scenario; /* of the scenario: see scenarios.pml */

#define is_empty (head == end_)
#define has_free (held_ < limit_)
#define is_gap(place) (place < end_ && !linked[place])
#define has_more_than(count) (end_ - head > count || is_gap(head) || is_gap(head + 1) || is_gap(head + 2))
#define are_wanted_back (held_ > limit_ || len(resuming_) > 0)
#define has_another_unblocked (workers_ - leaving_ - blocked_ > 1)

/* --- mutex, parker, bell --- */
inline check() { d_step { /* (1), whenever the mutex is released */
    sum = held_ + len(parked_) + blocked_ + len(resuming_) + leaving_;
    assert(workers_ == sum || (growing_ > 0 && workers_ < sum)); sum = 0;
    assert(slot_free_ == has_free && recall_ == are_wanted_back && (len(resuming_) == 0 || !has_free)) } }
inline lock() { atomic { !mutex_ -> mutex_ = true } }
inline tell(who) { told = told | bit_of(who) }
inline tell_all() { assert((told & told_) == 0); told_ = told_ | told; told = 0 }
inline unlock() { atomic { check(); mutex_ = false; tell_all() } }
inline sleep() {
    do
    :: atomic { told_ & bit_of(self) -> told_ = told_ & ~bit_of(self); break }
    :: atomic { spurious > 0 && !(told_ & bit_of(self)) -> spurious--; if :: PLANTED(wakes_untold) -> break :: else fi }
    od }
inline ring() { changed_ = 0 }
inline await_change() { /* a spurious wake-up returns, which is more than the header allows: its callers look again */
    atomic { check(); changed_ = changed_ | bit_of(_pid); mutex_ = false; tell_all() };
    if
    :: atomic { !mutex_ && !(changed_ & bit_of(_pid)) -> mutex_ = true }
    :: atomic { !mutex_ && spurious > 0 && (changed_ & bit_of(_pid)) -> mutex_ = true; spurious--;
        changed_ = changed_ & ~bit_of(_pid) }
    fi }

/* --- queue --- */
inline push(pushed) {
    atomic { place = end_; queue_[place] = pushed; end_++ };
    atomic { linked[place] = true; place = 0 } }
inline unlink_first() { /* next */
    if
    :: head < end_ && linked[head] && !is_gap(head + 1) && !recalled ->
        next = queue_[head]; queue_[head] = 0; linked[head] = false; head++
    :: else
    fi;
    recalled = false }
inline pop() { /* next: a job, or NONE */
    if
    :: atomic { !PLANTED(recall_read_early) -> recalled = recall_; unlink_first() }
    :: atomic { PLANTED(recall_read_early) -> recalled = recall_ }; atomic { unlink_first() }
    fi }

/* --- pool: decisions, under mutex_ --- */
inline take() { held_++; assert(held_ <= limit_) } /* (4) */
inline grant() {
    atomic {
        do
        :: len(resuming_) > 0 && has_free -> resuming_?next_worker; tell(next_worker); next_worker = NONE; take()
        :: else -> break
        od;
        recall_ = are_wanted_back };
    slot_free_ = has_free }
inline start() { /* next_worker: a worker, or NONE if no thread can be had */
    atomic { growing_++;
        if
        :: len(spare_) > 0 -> spare_?next_worker
        :: failures > 0 && len(spare_) > 0 -> failures--
        :: len(spare_) == 0
        fi;
        unlock() };
    atomic { lock(); growing_--; ring();
        if
        :: next_worker == NONE -> retry_ = 1
        :: else -> is_dismissed[next_worker] = false; alive = alive | bit_of(next_worker);
            workers_++; assert(workers_ <= needed); staffed_ = true; retry_ = 0
        fi } }
inline may_send() { /* may */
    if
    :: !has_free || closed_ || token_
    :: else -> count = coming_; atomic { may = has_more_than(count); count = 0 }
    fi }
inline send() { /* next_worker: who has been sent, or NONE if no thread can be had */
    atomic { take(); slot_free_ = has_free }; /* which is all that grant() can do here */
    atomic { coming_++; if :: len(parked_) > 0 -> parked_?next_worker :: else fi };
    if :: next_worker == NONE -> start() :: else fi;
    if
    :: next_worker != NONE -> atomic { is_coming[next_worker] = true; tell(next_worker) }
    :: else -> coming_--; held_--; grant()
    fi }
inline balance(at_most) {
    grant(); most_sent = at_most;
    do
    :: most_sent == 0 -> break
    :: else -> may_send();
        if
        :: !may -> break
        :: else -> may = false; send();
            if
            :: next_worker != NONE -> next_worker = NONE; most_sent--
            :: else -> if :: PLANTED(no_second_look) || len(parked_) == 0 -> break :: else fi
            fi
        fi
    od;
    most_sent = 0 }
inline start_spare() { /* failed */
    if
    :: growing_ > 0 && !PLANTED(starts_at_once) -> await_change()
    :: else -> start();
        if
        :: next_worker == NONE -> failed = true
        :: else -> atomic { parked_!!next_worker; next_worker = NONE }
        fi
    fi }
inline dismiss_parked(kept) { atomic {
    do
    :: len(parked_) > kept ->
        parked_?next_worker; is_dismissed[next_worker] = true; leaving_++; tell(next_worker); next_worker = NONE
    :: else -> break
    od } }
inline outstanding() { /* sum; was_idle: there was a moment without jobs */
    if
    :: atomic { !PLANTED(finished_read_last) -> sum = sum - finished; was_idle = (begun == over) };
        sum = sum + counted_in; sum = sum + submitted
    :: atomic { PLANTED(finished_read_last) -> sum = sum + submitted; was_idle = (begun == over) };
        sum = sum + counted_in; sum = sum - finished
    fi }
inline is_idle() { /* idle */
    outstanding();
    atomic { idle = (sum == 0 && held_ <= token_); sum = 0 } }
inline ring_if_idle() {
    if :: changed_ != 0 -> is_idle(); was_idle = false; if :: idle -> idle = false; ring() :: else fi :: else fi }
inline cut_off() { /* is subtracted from sum */
    atomic { sum = sum - exits_;
        do
        :: place == WORKERS || exits_ == 0 -> break
        :: else ->
            if
            :: awaited[place] != NONE && (PLANTED(ready_is_cut_off) || !(ready & bit_of(awaited[place]))) -> sum--
            :: else
            fi;
            place++
        od;
        place = 0 } }
inline close_at_lull() {
    if
    :: draining_ && !closed_ && (growing_ == 0 || PLANTED(closes_while_growing)) ->
        if :: PLANTED(cut_off_read_first) -> cut_off(); outstanding() :: else -> outstanding(); cut_off() fi;
        was_idle = false;
        atomic {
            if
            :: sum == 0 -> closed_ = true; staffed_ = true; dismiss_parked(0); ring()
            :: else -> sum = 0
            fi }
    :: else
    fi }

/* --- pool: what any thread does --- */
inline staff() { /* failed */
    if
    :: staffed_
    :: else -> lock();
        do :: staffed_ || failed -> break :: else -> start_spare(); failed = failed && !staffed_ od;
        unlock()
    fi }
inline read_early() { if :: PLANTED(token_read_early) -> old = token_ || coming_ > 1 :: else fi }
inline send_for_pushed() { /* the second half of submit */
    if
    :: PLANTED(token_read_early) && old
    :: !PLANTED(token_read_early) && (!slot_free_ || token_ || coming_ > 1 || (held_ > 0 && is_empty))
    :: !old && (slot_free_ || coming_ <= 1 || PLANTED(token_read_early)) -> lock(); balance(1); unlock()
    fi;
    old = false }
inline submit_late(late_job) {
    lock();
    if
    :: !closed_ && late_ > 0 -> late_--; begun = begun | bit_of(late_job); push(late_job); balance(1); unlock()
    :: else ->
        atomic { counted_in--;
            if :: !closed_ -> inline_++; counts = true; begun = begun | bit_of(late_job) :: else fi };
        close_at_lull(); unlock();
        ready = ready | bit_of(late_job);
        if
        :: counts -> atomic { lock(); inline_--; counts = false; over = over | bit_of(late_job); ring(); unlock() }
        :: else
        fi
    fi }
inline submit(new_job) { /* and run() */
    staff();
    if
    :: failed -> failed = false /* it throws */
    :: else -> read_early();
        atomic { counted_in++; if :: closing -> counts = true :: else -> begun = begun | bit_of(new_job) fi };
        if
        :: !counts -> push(new_job); send_for_pushed()
        :: else -> counts = false; submit_late(new_job)
        fi
    fi }
inline set_limit(limit) {
    atomic { lock(); limit_ = limit; dismiss_parked(limit) };
    balance(1); unlock() }
inline wait() {
    lock();
    do
    ::  if
        :: closed_ -> idle = (workers_ == 0)
        :: else -> is_idle(); idle = idle && inline_ == 0; assert(was_idle || !idle); was_idle = false
        fi;
        if :: idle -> idle = false; break :: else -> await_change() fi
    od;
    unlock() }
inline may_run() { running++; assert(running <= most && (running == 1 || !(started & ~ready & bit_of(alone)))) }
inline begin_job(which) { /* (2) */
    atomic { assert(!(started & bit_of(which))); started = started | bit_of(which); may_run() } }
inline end_job(which) {
    atomic { running--; ready = ready | bit_of(which) };
    atomic { finished++; over = over | bit_of(which) } }
inline pop_past_gap() { /* next */
    do
    :: pop();
        if
        :: next != NONE -> break
        :: else -> if :: recall_ -> break :: else -> if :: is_empty -> break :: else fi fi
        fi
    od }
inline run_here() {
    atomic { blocked_--; take(); grant(); unlock() };
    do :: pop_past_gap(); if :: next == NONE -> break :: else -> begin_job(next); end_job(next); next = NONE fi od;
    atomic { lock(); held_--; blocked_++ };
    balance(1) }
#define join(left) !(alive & bit_of(left))
#define how_many_alive ((alive & 1) + (alive >> 1 & 1) + (alive >> 2 & 1))
#define is_alone (is_exiting && workers_ - leaving_ == blocked_ && growing_ == 0 && !PLANTED(no_last_resort))
inline drain(is_exiting) {
    atomic { lock(); draining_ = true };
    closing = true;
    if :: is_exiting -> atomic { exits_++; held_--; blocked_++ }; balance(1) :: else fi;
    close_at_lull();
    do
    :: closed_ -> break
    :: else -> if :: is_alone -> may_send() :: else fi;
        if
        :: may -> may = false; balance(1);
            if :: is_alone -> may_send() :: else fi;
            if :: may -> may = false; run_here() :: else fi
        :: else -> await_change()
        fi;
        close_at_lull()
    od;
    do :: workers_ > blocked_ || inline_ > 0 -> await_change() :: else -> break od;
    atomic { next_worker = last_left_; last_left_ = NONE; unlock() };
    if :: next_worker != NONE -> join(next_worker); next_worker = NONE :: else fi;
    atomic { assert((begun & ~over & ~waiting) == 0 && how_many_alive == blocked_); ends = true } }

/* --- pool: what a worker does --- */
inline look_around() {
    atomic { if :: !token_ -> token_ = true; has_token = true :: else fi };
    if
    :: has_token ->
        atomic { if :: is_coming[self] -> is_coming[self] = false; coming_-- :: else fi };
        if :: changed_ != 0 -> lock(); ring_if_idle(); unlock() :: else fi
    :: else
    fi }
inline hand_on() { /* of token and being sent a worker has one at most */
    atomic { if
        :: is_coming[self] -> is_coming[self] = false; coming_--; sends = 2
        :: has_token -> has_token = false; token_ = false; sends = 1
        :: else
        fi };
    if
    :: sends == 0
    :: sends > 0 && (!slot_free_ || is_empty || PLANTED(no_hand_on))
    :: sends > 0 && !is_empty && !PLANTED(no_hand_on) -> lock(); balance(sends); unlock()
    fi;
    sends = 0 }
inline find() { /* next */
    pop();
    if :: next == NONE -> look_around(); pop_past_gap() :: else fi;
    if :: next != NONE -> hand_on() :: else fi }
inline serve() {
    do
    :: find();
        if
        :: next == NONE -> break
        :: else -> mine = next; next = NONE; begin_job(mine); run_job(); end_job(mine); mine = NONE;
            atomic { if :: retry_ > 0 && !PLANTED(no_retry) -> retry_--; sends = (retry_ == 0) :: else fi };
            if :: sends > 0 -> sends = 0; lock(); balance(1); unlock() :: else fi
        fi
    od }
inline park() { /* stays */
    atomic { lock(); if
        :: has_token -> has_token = false; token_ = false
        :: is_coming[self] -> is_coming[self] = false; coming_--
        :: else
        fi };
    atomic { held_--; if
        :: !closed_ && len(parked_) < limit_ -> parked_!!self; stays = true
        :: else -> is_dismissed[self] = true; leaving_++
        fi };
    balance(1); close_at_lull(); ring_if_idle();
    unlock() }
inline leave() {
    atomic { lock(); workers_--; leaving_--; before = last_left_; last_left_ = self; ring(); unlock() };
    if :: before != NONE -> join(before); atomic { lock(); spare_!!before; before = NONE; unlock() } :: else fi;
    alive = alive & ~bit_of(self) }
inline get(whose) {
    lock(); /* block */
    do
    :: has_another_unblocked || failed -> break
    :: else -> start_spare(); failed = failed && !has_another_unblocked
    od;
    if
    :: failed -> unlock(); failed = false /* it throws */
    :: else ->
        atomic { awaited[self] = whose; waiting = waiting | bit_of(mine); running--; blocked_++;
            if :: PLANTED(slot_kept) :: else -> held_-- fi };
        balance(1); close_at_lull(); unlock();
        (ready & bit_of(whose));
        atomic { lock(); awaited[self] = NONE }; /* unblock */
        if
        :: closed_ -> assert(!(begun & bit_of(whose)))
        :: else -> atomic { blocked_--; resuming_!self }; if :: PLANTED(resumes_last) :: else -> balance(1) fi
        fi;
        unlock(); sleep();
        atomic { waiting = waiting & ~bit_of(mine); may_run() }
    fi }
inline run_job() {
    do
    :: atomic { job[mine]?submits(object) -> read_early(); submitted++; begun = begun | bit_of(object) };
        push(object); send_for_pushed()
    :: job[mine]?gets(object) -> get(object)
    :: job[mine]?holds_for(object) -> (ready & bit_of(object)) /* keeps its slot */
    :: job[mine]?awaits_retry(_) -> (retry_ > 0 || workers_ > 1)
    :: job[mine]?sets_n(object) -> set_limit(object)
    :: job[mine]?exits(_) -> atomic { running--; waiting = waiting | bit_of(mine) }; drain(true); false
    :: empty(job[mine]) -> break
    od; object = 0 }

proctype worker(byte self) {
    LOCALS; byte mine = NONE, before = NONE, sends; bool has_token, stays;
    do
    :: sleep();
        do
        :: is_dismissed[self] -> break
        :: else -> serve(); park(); if :: stays -> stays = false; sleep() :: else fi
        od;
        leave()
    od }
proctype thread(chan program) {
    LOCALS;
    do
    :: program?submits(object) -> submit(object)
    :: program?sets_n(object) -> set_limit(object)
    :: program?waits(object) -> wait(); assert((over & object) == object)
    :: program?holds_for(object) -> (ready & bit_of(object))
    :: program?drains(_) -> drain(false)
    :: atomic { empty(program) -> threads--; break }
    od }
/* (3), and the drain ends, and so does what the threads do, unless a job exits */
proctype nobody_sleeps_for_ever() { timeout -> assert(ends && (threads == 0 || exits_ > 0)) }
#define SCENARIO(name) scenario == __COUNTER__ /* they are numbered from 0, in their order */
init { byte each;
    d_step {
        c_code { planted = atoi(getenv("PLANTED")); scenario = atoi(getenv("SCENARIO")); };
        if
#include "scenarios.pml"
        fi;
        limit_ = n;
        if :: most == 0 -> most = n :: else fi;
        if :: needed == 0 -> needed = workers :: else fi;
        do :: each < workers -> spare_!each; each++ :: else -> break od; each = 0
    };
    atomic {
        run nobody_sleeps_for_ever();
        do :: each < workers -> run worker(each); each++ :: else -> break od; each = 0;
        if :: nempty(other[0]) -> threads++; run thread(other[0]) :: empty(other[0]) fi;
        if :: nempty(other[1]) -> threads++; run thread(other[1]) :: empty(other[1]) fi;
        threads++; run thread(main) } }
