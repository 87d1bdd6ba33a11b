package lti

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"maps"
	"sync"
	"time"
)

// memory is a RegistrationStore and StateStore of one process, with the same
// guarantees as a database.
type memory struct {
	mu            sync.Mutex
	registrations map[string]Registration
	nonces        map[string]time.Time
	held          map[string]Held
	writes        int   // that were asked for, whatever became of them
	fail          error // what every method answers, if set
}

func newMemory(regs ...Registration) *memory {
	m := &memory{registrations: map[string]Registration{}, nonces: map[string]time.Time{}, held: map[string]Held{}}
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

func (m *memory) SpendNonce(_ context.Context, n Nonce) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes++
	key := n.RegistrationID + " " + n.Hash
	switch _, used := m.nonces[key]; {
	case m.fail != nil:
		return m.fail
	case used:
		return ErrNonceSpent
	}
	m.nonces[key] = n.ExpiresAt
	return nil
}

func (m *memory) HoldLaunch(_ context.Context, h Held) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes++
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
	before := len(m.nonces) + len(m.held)
	maps.DeleteFunc(m.nonces, func(_ string, expires time.Time) bool { return !now.Before(expires) })
	maps.DeleteFunc(m.held, func(_ string, h Held) bool { return !now.Before(h.ExpiresAt) })
	return before - len(m.nonces) - len(m.held), m.fail
}

// written is how many writes were asked for.
func (m *memory) written() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.writes
}

// put changes a registration while the tool runs.
func (m *memory) put(r Registration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.registrations[r.ID] = r
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
