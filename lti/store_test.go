package lti

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"maps"
	"sync"
	"testing"
	"time"
)

// memory is a RegistrationStore and StateStore of one process, with the same
// guarantees as a database.
type memory struct {
	mu            sync.Mutex
	registrations map[string]Registration
	states        map[string]State
	held          map[string]Held
	spends        int
	fail          error // what every method answers, if set
}

func newMemory(regs ...Registration) *memory {
	m := &memory{registrations: map[string]Registration{}, states: map[string]State{}, held: map[string]Held{}}
	for _, r := range regs {
		m.registrations[r.ID] = r
	}
	return m
}

func (m *memory) FindRegistration(_ context.Context, issuer, clientID, deploymentID string) (Registration, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return Registration{}, m.fail
	}
	var found []Registration
	for _, r := range m.registrations {
		if r.Issuer != issuer || clientID != "" && r.ClientID != clientID {
			continue
		}
		if _, ok := r.Deployment(deploymentID); clientID == "" && deploymentID != "" && !ok {
			continue
		}
		found = append(found, r)
	}
	if len(found) != 1 {
		return Registration{}, ErrUnknownRegistration
	}
	return found[0], nil
}

func (m *memory) Registration(_ context.Context, id string) (Registration, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.registrations[id]
	switch {
	case m.fail != nil:
		return Registration{}, m.fail
	case !ok:
		return Registration{}, ErrUnknownRegistration
	}
	return r, nil
}

func (m *memory) SaveState(_ context.Context, s State, limit int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	if len(m.states) >= limit {
		return ErrTooManyStates
	}
	m.states[s.Hash] = s
	return nil
}

func (m *memory) State(_ context.Context, hash string) (State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.states[hash]
	switch {
	case m.fail != nil:
		return State{}, m.fail
	case !ok:
		return State{}, ErrStateUnknown
	}
	return s, nil
}

func (m *memory) SpendState(_ context.Context, hash string) (State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.states[hash]
	switch {
	case m.fail != nil:
		return State{}, m.fail
	case !ok:
		return State{}, ErrStateSpent
	}
	delete(m.states, hash)
	m.spends++
	return s, nil
}

func (m *memory) HoldLaunch(_ context.Context, h Held) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held[h.Hash] = h
	return m.fail
}

func (m *memory) TakeHeld(_ context.Context, hash string) (Held, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h, ok := m.held[hash]
	switch {
	case m.fail != nil:
		return Held{}, m.fail
	case !ok:
		return Held{}, ErrHeldUnknown
	}
	delete(m.held, hash)
	return h, nil
}

func (m *memory) PurgeStates(_ context.Context, now time.Time) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.states) + len(m.held)
	maps.DeleteFunc(m.states, func(_ string, s State) bool { return !now.Before(s.ExpiresAt) })
	maps.DeleteFunc(m.held, func(_ string, h Held) bool { return !now.Before(h.ExpiresAt) })
	return before - len(m.states) - len(m.held), m.fail
}

// put changes a registration while the tool runs.
func (m *memory) put(r Registration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.registrations[r.ID] = r
}

// onlyState returns the one state that waits, and editState changes it.
func (m *memory) editState(t *testing.T, edit func(*State)) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.states) != 1 {
		t.Fatalf("%d states wait, want 1", len(m.states))
	}
	for hash, s := range m.states {
		edit(&s)
		m.states[hash] = s
	}
}

// Generating RSA keys is slow, so all tests share these.
var (
	keyA     = sync.OnceValue(func() *rsa.PrivateKey { return mustKey(2048) })
	keyB     = sync.OnceValue(func() *rsa.PrivateKey { return mustKey(2048) })
	keySmall = sync.OnceValue(func() *rsa.PrivateKey { return mustKey(1024) })
)

func mustKey(bits int) *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return k
}
