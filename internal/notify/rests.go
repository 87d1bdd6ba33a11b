package notify

import (
	"sync"
	"time"
)

// A server that takes no letters is left alone for a while, by all letters that
// go there: a thousand of them, each waiting for its own time-out, would keep
// every other letter from going out. The letters wait, none counts a failure,
// and none is lost. After each rest one letter tries; a rest that it finds no
// end of is followed by one twice as long.
//
// Each replica finds out by itself, which costs the server one letter of each.
const (
	restFirst = 30 * time.Second
	restMost  = 15 * time.Minute
	// restTry is for how long the one that tries keeps the others waiting: longer
	// than any way waits for an answer.
	restTry = time.Minute
	// restBack lets others try before one that failed does: it may be the letter.
	restBack = 5 * time.Second
)

// Rests are the servers that rest. The zero value has none. Several may use it at
// once.
type Rests struct {
	mu sync.Mutex
	of map[string]*rest
}

type rest struct {
	until time.Time
	long  time.Duration
}

// Left is how long a server is still left alone.
func (r *Rests) Left(now time.Time, server string) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.of[server]; a != nil {
		return max(a.until.Sub(now), 0)
	}
	return 0
}

// Enter asks to write to a server: not for as long as wait, if that is above 0.
// Whoever is first after a rest tries for all.
func (r *Rests) Enter(now time.Time, server string) (wait time.Duration, tries bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.of[server]
	if a == nil {
		return 0, false
	}
	if wait = a.until.Sub(now); wait > 0 {
		return wait, false
	}
	a.until = now.Add(restTry)
	return 0, true
}

// Leave tells how it went. It returns for how long the letter waits, which is 0
// unless the server is away.
func (r *Rests) Leave(now time.Time, server string, tried bool, err error) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !Away(err) {
		delete(r.of, server)
		return 0
	}
	if r.of == nil {
		r.of = map[string]*rest{}
	}
	a := r.of[server]
	switch {
	case a == nil:
		a = &rest{until: now.Add(restFirst), long: restFirst}
		r.of[server] = a
	case tried:
		a.long = min(2*a.long, restMost)
		a.until = now.Add(a.long)
	}
	return max(a.until.Sub(now), 0) + restBack
}
