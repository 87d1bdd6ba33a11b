// Package memstore keeps in memory what package lti needs stored: registrations,
// used nonces and held launches. It is for tests, examples and tools of one
// process: a second replica would not see what this one has used, and a restart
// forgets it, after which a launch of the last ten minutes would work again.
package memstore

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tokendesk/tokendesk/lti"
)

// Store is an lti.RegistrationStore and lti.StateStore. Make one with New. It is
// safe for concurrent use. What it keeps of launches grows until PurgeStates.
type Store struct {
	mu            sync.Mutex
	registrations map[string]lti.Registration
	nonces        map[[2]string]time.Time
	held          map[string]lti.Held
}

var (
	_ lti.RegistrationStore = (*Store)(nil)
	_ lti.StateStore        = (*Store)(nil)
)

// New returns a Store with these registrations. It does not validate them.
func New(regs ...lti.Registration) *Store {
	s := &Store{registrations: map[string]lti.Registration{}, nonces: map[[2]string]time.Time{}, held: map[string]lti.Held{}}
	for _, r := range regs {
		s.registrations[r.ID] = clone(r)
	}
	return s
}

// Put adds a registration, or replaces the one with its ID. It refuses, with the
// error of its ValidateWaiting, one that could not be used.
func (s *Store) Put(_ context.Context, r lti.Registration) error {
	if err := r.ValidateWaiting(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.registrations[r.ID] = clone(r)
	return nil
}

// Remove takes a registration away; one that is not there is no error.
func (s *Store) Remove(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.registrations, id)
	return nil
}

// FindRegistration implements lti.RegistrationStore.
func (s *Store) FindRegistration(_ context.Context, issuer, clientID, deploymentID string) (lti.Registration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var at []lti.Registration
	for _, r := range s.registrations {
		if r.Issuer == issuer && (clientID == "" || r.ClientID == clientID) {
			at = append(at, r)
		}
	}
	r, err := lti.OnlyRegistration(at, deploymentID)
	return clone(r), err
}

// Registration implements lti.RegistrationStore.
func (s *Store) Registration(_ context.Context, id string) (lti.Registration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.registrations[id]
	if !ok {
		return lti.Registration{}, lti.ErrUnknownRegistration
	}
	return clone(r), nil
}

// SpendNonce implements lti.StateStore.
func (s *Store) SpendNonce(_ context.Context, n lti.Nonce) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := [2]string{n.RegistrationID, n.Hash}
	if _, used := s.nonces[key]; used {
		return lti.ErrNonceSpent
	}
	s.nonces[key] = n.ExpiresAt
	return nil
}

// HoldLaunch implements lti.StateStore.
func (s *Store) HoldLaunch(_ context.Context, h lti.Held) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.Launch = slices.Clone(h.Launch)
	s.held[h.Hash] = h
	return nil
}

// TakeHeld implements lti.StateStore.
func (s *Store) TakeHeld(_ context.Context, hash string) (lti.Held, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.held[hash]
	if !ok {
		return lti.Held{}, lti.ErrHeldUnknown
	}
	delete(s.held, hash)
	return h, nil
}

// PurgeStates implements lti.StateStore.
func (s *Store) PurgeStates(_ context.Context, now time.Time) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.nonces) + len(s.held)
	maps.DeleteFunc(s.nonces, func(_ [2]string, expires time.Time) bool { return expires.Before(now) })
	maps.DeleteFunc(s.held, func(_ string, h lti.Held) bool { return h.ExpiresAt.Before(now) })
	return before - len(s.nonces) - len(s.held), nil
}

// clone lets nobody change what is stored.
func clone(r lti.Registration) lti.Registration {
	r.Deployments, r.RosterHosts, r.FrameOrigins = slices.Clone(r.Deployments), slices.Clone(r.RosterHosts), slices.Clone(r.FrameOrigins)
	return r
}
