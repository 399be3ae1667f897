/* The protocol of the rooms slots, queue, pool and lifetime of include/background.hpp, for the model checker Spin.
 * Names are the header's where it has the thing. What is searched, and what is PLANTED, is in scenarios.pml.
 * Left out: fork; looks (one that finds nothing changes nothing, one that finds a job is the pop that comes after it);
 * that exit() interrupts a wait; weaker memory orders.
 *
 * A step accesses one of the variables that others use without mutex_, and any that mutex_ guards. It may begin with
 * taking mutex_ or popping_, and end with releasing it: others see no difference. That the header wakes only then makes
 * none either: who sleeps on a condition looks again. A function that returns something sets a variable, which its
 * comment names. Sets are of bits; a worker is a set of one; self is 0 in a thread that is no worker. */
#define NONE 15
#define one_looks 2
#define bit_of(each) (1 << (each))
#define me bit_of(_pid)
#define first_of(set) (set & -set)
#define all_but_first(set) (set & (set - 1))
#define LOCALS byte next = NONE, seeks, fresh, object, seen, sought, before, most_sent; \
    bool may, starts, leaves, failed, is_wanted_back, idle, was_idle, is_late, is_untold; short sum
bool popping_, closing_, closed_; byte mutex_;       /* whose it is */
byte limit_, held_, resuming_, seekers_, workers_, retry_, submitted_, finished_;
byte parked_, unparks_, growing_, blocked_, granted_, exits_, late_ = 1, inline_, left_, leaving_, spare_;
byte worker_sent_, slot_granted_, changed_;         /* sets of processes that sleep there */
byte queue_[4], popped_, tail_, unlinked;           /* jobs by their place; a set of jobs, each behind a gap */
byte awaited[4];                                    /* so many jobs wait for this one's future in get() */
#define has_free (held_ < limit_)
#define length (tail_ - popped_)                    /* of the list */
#define queued (submitted_ - popped_)               /* at once: an older popped_ only asks for one more look */
#define is_first_linked (length > 0 && !(unlinked & bit_of(queue_[popped_])))
#define unblocked (workers_ - blocked_)
#define accounted (held_ + parked_ + blocked_ + resuming_)

/* --- waiting, slots, queue --- */
inline lock() { (mutex_ == 0 || mutex_ == _pid) -> mutex_ = _pid } /* or it has been */
inline unlock() { d_step { /* (1) */
    assert(workers_ == accounted || (growing_ > 0 && workers_ < accounted));
    assert((resuming_ == 0 || !has_free) && held_ >= unparks_ + granted_); mutex_ = 0 } }
inline sleep_on(condition) { atomic { condition = condition | me; unlock() } }
inline lock_awake(condition) { /* after that; a spurious wake-up from the doorbell is more than the header allows */
    if
    :: !(condition & me)
    :: (condition & me) && spurious > 0 -> spurious--; condition = condition & ~me; is_untold = PLANTED(wakes_untold)
    fi;
    lock() }
#define notify_all(condition) condition = 0
#define notify_one(condition) condition = all_but_first(condition)
#define notify_another(condition) all_but_first(condition) -> condition = first_of(condition) /* if two sleep */
#define ring() notify_all(changed_)
inline take() { held_++; assert(held_ <= limit_) } /* (4) */
inline are_wanted_back() { /* is_wanted_back; seen is held_, as it has just been read */
    d_step { is_wanted_back = (seen > limit_); seen = 0 };
    is_wanted_back = is_wanted_back || resuming_ > 0 }
inline push(pushed) {
    d_step { queue_[tail_] = pushed; tail_++; unlinked = unlinked | bit_of(pushed) };
    unlinked = unlinked & ~bit_of(pushed) }
inline pop() { /* next: a job, or NONE */
    if
    :: !is_first_linked && !PLANTED(wanted_back_read_early)
    :: atomic { (is_first_linked || PLANTED(wanted_back_read_early)) && !popping_ -> popping_ = true; seen = held_ };
        are_wanted_back();
        d_step {
            if
            :: is_wanted_back || !is_first_linked || (length > 1 && unlinked & bit_of(queue_[popped_ + 1]))
            :: else -> next = queue_[popped_]; queue_[popped_] = 0; popped_++; begin_job()
            fi;
            popping_ = false; is_wanted_back = false }
    fi }

/* --- pool: decisions, under mutex_ --- */
inline outstanding() { /* is added to sum; was_idle: there was a moment without jobs */
    atomic { lock(); was_idle = (begun == over); sum = sum - (PLANTED(finished_read_last) -> 0 : finished_) };
    sum = sum + submitted_; sum = sum - (PLANTED(finished_read_last) -> finished_ : 0) }
inline is_idle() { outstanding(); d_step { idle = (sum == 0 && one_looks * held_ <= seekers_); sum = 0 } } /* idle */
inline ring_if_idle() { is_idle(); d_step { if :: idle -> ring() :: else fi; idle = false; was_idle = false } }
#define cut_off_by(one) (exits_ == 0 || (ready & bit_of(one) && !PLANTED(ready_is_cut_off)) -> 0 : awaited[one])
#define cut_off (exits_ + cut_off_by(0) + cut_off_by(1) + cut_off_by(2) + cut_off_by(3))
inline close_at_lull() {
    if
    :: !closing_ || closed_ || (growing_ > 0 && !PLANTED(closes_while_growing))
    :: else -> sum = (PLANTED(cut_off_read_first) -> 0 - cut_off : 0); outstanding();
        d_step { sum = sum - (PLANTED(cut_off_read_first) -> 0 : cut_off);
            if :: sum == 0 -> closed_ = true; notify_all(worker_sent_); ring() :: else fi; sum = 0; was_idle = false }
    fi }
inline start() { /* its first half: fresh, a worker, or 0 if no thread can be had */
    starts = true; growing_++;
    if :: fresh = first_of(spare_) :: failures > 0 && spare_ != 0 -> failures-- fi;
    spare_ = spare_ & ~fresh; alive = alive | fresh; unlock() }
inline start_ends() {
    atomic { lock(); starts = false; growing_--; retry_ = !fresh;
        if :: fresh -> joinable = joinable | fresh; parked_++; workers_++; assert(workers_ <= needed) :: else fi;
        if :: parked_ > limit_ -> notify_all(worker_sent_) :: else fi;
        ring() } }
inline unpark() { parked_--; unparks_++; notify_one(worker_sent_); most_sent-- } /* parked workers are alike */
inline send() {
    atomic { take() };
    atomic { seekers_++; if :: parked_ > 0 -> unpark() :: else -> start() fi };
    if
    :: !starts
    :: else -> start_ends();
        if
        :: d_step { fresh -> fresh = 0; unpark() }
        :: else -> seekers_--; d_step { held_--; most_sent = (parked_ && !PLANTED(no_second_look) -> most_sent : 0) }
        fi
    fi }
inline balance(at_most) {
    most_sent = at_most;
    do
    :: atomic { lock();
            if
            :: resuming_ > 0 && has_free -> take()
            :: resuming_ == 0 && has_free && most_sent > 0 -> seen = seekers_ /* may_send */
            :: else -> most_sent = 0; break
            fi };
        if
        :: atomic { resuming_ > 0 -> resuming_--; granted_++; /* grant */
            if :: notify_one(slot_granted_) :: notify_another(slot_granted_) fi }
        :: resuming_ == 0 -> before = popped_; d_step { may = (submitted_ - before > seen && !closed_);
                seen = 0; before = 0 };
            if :: may -> may = false; send() :: else -> most_sent = 0; break fi
        fi
    od }
inline ensure(wanted) { /* failed */
    do
    :: atomic { lock_awake(changed_);
            if
            :: unblocked >= wanted || closed_ || failed -> break
            :: else -> if :: growing_ > 0 && !PLANTED(starts_at_once) -> sleep_on(changed_) :: else -> start() fi
            fi };
        if :: starts -> start_ends(); d_step { failed = (!fresh && unblocked < wanted); fresh = 0 } :: else fi
    od }
inline step_aside() { atomic { lock(); blocked_++; held_ = held_ - !PLANTED(slot_kept) }; balance(1); close_at_lull() }

/* --- pool: what any thread does --- */
inline submit_late(late) {
    atomic { lock(); is_late = (closed_ || late_ == 0) };
    if
    :: !is_late -> d_step { late_--; submitted_++; begun = begun | bit_of(late) };
        push(late); balance(1); unlock()
    :: else -> d_step { is_late = !closed_; inline_ = inline_ + is_late; begun = begun | (is_late << late);
            unlock() }; ready = ready | bit_of(late);
        atomic { lock(); if :: is_late -> ring() :: else fi;
            inline_ = inline_ - is_late; over = over | (is_late << late); is_late = false; unlock() }
    fi }
#define seeking (PLANTED(seekers_read_early) -> sought : seekers_)
inline submit(one) { /* and run() */
    if :: workers_ > 0 || closed_ :: else -> ensure(1); unlock() fi; /* ensure_worker */
    if
    :: failed -> failed = false /* it throws */
    :: else -> sought = (PLANTED(seekers_read_early) -> seekers_ : 0); submitted_++; /* count_in_and_push */
        d_step { is_late = closing_ && !self; begun = begun | !is_late << one };
        if
        :: is_late -> submitted_--; submit_late(one)
        :: else -> push(one);
            seen = held_; d_step { may = (seen < limit_); seen = 0 }; /* is_cared_for; is_one_enough may say either */
            if :: !may || seeking > 0 :: may && seeking < 2 -> if :: queued == 0 :: else -> balance(1); unlock() fi fi;
            d_step { may = false; sought = 0 }
        fi
    fi }
inline set_limit(limit) { atomic { lock(); limit_ = limit; notify_all(worker_sent_) }; balance(1); unlock() }
inline wait() {
    do
    :: atomic { lock_awake(changed_) }; is_idle();
        d_step { idle = inline_ == 0 && (closed_ -> workers_ <= blocked_ : idle); /* is_over */
            assert(was_idle || !idle || closed_); was_idle = false };
        if :: idle -> break :: else -> sleep_on(changed_) fi
    od; idle = false; unlock() }
inline pop_past_gap() { /* next */
    do
    :: pop(); if :: next != NONE -> break :: else -> seen = held_ fi;
        are_wanted_back(); if :: is_wanted_back || queued == 0 -> is_wanted_back = false; break :: else fi
    od }
#define is_forsaken (self && unblocked == 0 && growing_ == 0 && has_free && !PLANTED(no_last_resort))
inline may_run_last() { if :: is_forsaken -> seen = seekers_; may = (queued > seen); seen = 0 :: else fi } /* may */
inline run_as_last_resort() {
    balance(1); may_run_last();
    if
    :: !may
    :: else -> atomic { may = false; blocked_--; take(); unlock() };
        do :: pop_past_gap(); if :: next == NONE -> break :: else -> d_step { end_job() }; finish_job() fi od;
        step_aside()
    fi }
#define join(left) !(alive & left)
inline drain() { /* by a worker: exit() in its job */
    atomic { lock(); closing_ = true };
    if :: self -> d_step { exits_++; job_waits(); next = NONE }; step_aside() :: else fi;
    do
    :: atomic { lock_awake(changed_) }; close_at_lull();
        if
        :: closed_ && workers_ <= blocked_ && leaving_ + inline_ == 0 && (exits_ == 0 || self) -> break
        :: else -> may_run_last(); if :: may -> may = false; run_as_last_resort() :: else -> sleep_on(changed_) fi
        fi
    od;
    atomic { fresh = left_; left_ = 0; unlock() };
    join(fresh); fresh = 0 }

/* --- pool: what a worker does --- */
inline stop_seeking() { seekers_ = seekers_ - seeks; seeks = 0 }
inline look_around() {
    d_step { sought = seekers_ - seeks; seekers_ = sought + one_looks; seeks = one_looks };
    if :: sought < one_looks && changed_ != 0 -> ring_if_idle(); unlock() :: else fi;
    sought = 0 }
inline hand_on() {
    if
    :: seeks == 0
    :: d_step { else -> sought = seeks; stop_seeking() };
        seen = held_; d_step { may = (seen < limit_ && !PLANTED(no_hand_on)); seen = 0 };
        if :: may && queued > 0 -> balance(3 - sought); unlock() :: else fi;
        d_step { may = false; sought = 0 }
    fi }
inline finish_job() { d_step { finished_++; over = over | bit_of(next); next = NONE } }
inline serve() {
    do
    :: pop(); if :: next == NONE -> look_around(); pop_past_gap() :: else fi; /* find */
        if :: next == NONE -> break :: else -> hand_on(); act(job[next]); finish_job() fi;
        if :: d_step { retry_ > 0 && !PLANTED(no_retry) -> retry_ = 0 }; balance(1); unlock() :: else fi
    od }
inline park() {
    atomic { lock(); stop_seeking() };
    d_step { held_--; parked_++ };
    balance(1); close_at_lull(); if :: changed_ != 0 -> ring_if_idle() :: else fi }
inline get(whose) {
    ensure(2); /* block */
    if
    :: failed -> failed = false; unlock() /* it throws */
    :: else -> d_step { awaited[whose]++; job_waits() }; step_aside(); unlock();
        atomic { ready & bit_of(whose); lock(); awaited[whose]--; /* unblock */
            if :: closed_ -> assert(!(begun & bit_of(whose))) :: else -> blocked_--; resuming_++ fi };
        if :: closed_ || PLANTED(resumes_last) :: else -> balance(1) fi;
        do :: atomic { lock_awake(slot_granted_); if :: granted_ -> break :: else -> sleep_on(slot_granted_) fi } od;
        atomic { granted_--; unlock(); job_goes_on() }
    fi }
#define is_needless ((growing_ == 0 || PLANTED(leaves_while_growing)) && (closed_ || parked_ > limit_))
inline work() {
    do
    :: atomic { alive & self; lock_awake(worker_sent_); /* sleep */
            if
            :: unparks_ > 0 || is_untold -> unparks_--; seeks = 1; unlock()
            :: unparks_ == 0 && !is_untold && is_needless -> parked_--; workers_--; leaving_++;
                assert(joinable & self); joinable = joinable & ~self; /* its starter has assigned what others join */
                fresh = left_; left_ = 0; leaves = true; ring(); unlock()
            :: else -> sleep_on(worker_sent_)
            fi };
        if
        :: seeks -> serve(); park()
        :: leaves -> join(fresh);
            atomic { lock(); spare_ = spare_ | fresh; left_ = left_ | self; leaving_--; ring(); unlock() };
            d_step { fresh = 0; leaves = false; alive = alive & ~self }
        :: else
        fi
    od }
