package tensor

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
)

// job is one call of Parallel: a counter from which its goroutines take tasks.
type job struct {
	n    int64
	next atomic.Int64
	f    func(int)
	wg   sync.WaitGroup
	work func() // runs tasks until none is left; made once, so that starting a goroutine allocates nothing

	mu     sync.Mutex
	caught any // first panic of a task
}

var jobs = sync.Pool{New: func() any {
	j := new(job)
	j.work = func() {
		defer j.finish()
		j.run()
	}
	return j
}}

func (j *job) run() {
	for {
		i := j.next.Add(1) - 1
		if i >= j.n {
			return
		}
		j.f(int(i))
	}
}

func (j *job) finish() {
	if r := recover(); r != nil {
		j.mu.Lock()
		if j.caught == nil {
			j.caught = r
		}
		j.mu.Unlock()
		j.next.Store(j.n) // no further tasks
	}
	j.wg.Done()
}

// Parallel calls f(0), ..., f(n-1), each once, on up to workers goroutines (0:
// GOMAXPROCS) of which the caller is one, and returns when all are done. The
// tasks are fixed by n alone; which goroutine runs one, and when, is not
// fixed, so f must write only what belongs to its task: then the result is the
// same for any number of workers. With one worker the tasks run in order on
// the caller. Calls may be nested. A panic in f reaches the caller. Parallel
// itself does not allocate in steady state.
func Parallel(n, workers int, f func(i int)) {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	workers = min(workers, n)
	if workers <= 1 {
		for i := 0; i < n; i++ {
			f(i)
		}
		return
	}
	j := jobs.Get().(*job)
	j.n, j.f, j.caught = int64(n), f, nil
	j.next.Store(0)
	j.wg.Add(workers)
	for i := 1; i < workers; i++ {
		go j.work()
	}
	j.work()
	j.wg.Wait()
	caught := j.caught
	j.f, j.caught = nil, nil
	jobs.Put(j)
	if caught != nil {
		panic(caught)
	}
}

// NormalInto fills dst with independent normal values of mean zero and
// standard deviation std, in order.
func NormalInto(r *rand.Rand, dst []float32, std float64) {
	for i := range dst {
		dst[i] = float32(r.NormFloat64() * std)
	}
}

// UniformInto fills dst with independent uniform values of [lo, hi), in order.
func UniformInto(r *rand.Rand, dst []float32, lo, hi float64) {
	for i := range dst {
		dst[i] = float32(lo + (hi-lo)*r.Float64())
	}
}
