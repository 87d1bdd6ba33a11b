package operate

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"os"
	"slices"

	"github.com/tokendesk/tokendesk/internal/audit"
)

// step is one entry of a log as far as the state of its object goes.
type step struct {
	line             int64 // of the export, from 1
	log              int   // which
	seq              int64
	object, from, to []byte // valid until the next step
	version          int64
}

// bounds are what a replay may take of memory.
type bounds struct {
	room   int // bytes for the places of objects
	parts  int // among which objects are divided, at least two
	buffer int // bytes of each part that wait for being written
}

var replayBounds = bounds{room: 32 << 20, parts: 64, buffer: 16 << 10}

const replayOverhead = 96 // bytes of an object beside its texts

// replay follows every object through its states and versions, as audit.Replay does,
// with memory that does not grow with their number. It keeps their places in memory
// while there is room. Once there is none it divides them, and every step from then on,
// among files by a digest of the object, and at the end follows each file alone, which
// is divided again if it has too many objects.
type replay struct {
	bounds bounds
	used   int // of the room
	at     map[string]*place
	states map[string]string // the few that there are, kept once
	key    []byte
	most   int // of objects that were in memory at once

	seed  maphash.Seed
	parts []*part
}

type place struct {
	state   string
	version int64
}

func newReplay(b bounds) *replay {
	return &replay{bounds: b, at: map[string]*place{}, states: map[string]string{}}
}

// add follows one step. What is wrong with it is said at once or by finish, as a
// *disorderError.
func (r *replay) add(s step) error {
	if len(s.to) == 0 || s.version == 0 {
		return nil
	}
	r.key = append(binary.AppendUvarint(r.key[:0], uint64(s.log)), s.object...) //nolint:gosec // a number from 0
	if r.parts != nil {
		return r.part(r.key).write(s.line, s.seq, s.version, r.key, s.from, s.to)
	}
	was := r.at[string(r.key)]
	switch {
	case was == nil && (s.version != 1 || len(s.from) > 0), was != nil && (was.version+1 != s.version || was.state != string(s.from)):
		return &disorderError{s.line, fmt.Errorf("%s at entry %d: %w", s.object, s.seq, audit.ErrUnordered)}
	case was == nil:
		return r.begin(s.to, s.version)
	}
	r.used += len(s.to) - len(was.state)
	was.state, was.version = r.state(s.to), s.version
	return r.makeRoom()
}

// begin gives the object of key a place.
func (r *replay) begin(state []byte, version int64) error {
	r.at[string(r.key)] = &place{state: r.state(state), version: version}
	r.used += replayOverhead + len(r.key) + len(state)
	r.most = max(r.most, len(r.at))
	return r.makeRoom()
}

func (r *replay) state(text []byte) string {
	if known, ok := r.states[string(text)]; ok {
		return known
	}
	made := string(text)
	if len(r.states) < 100 && len(made) < 100 {
		r.states[made] = made
	}
	return made
}

// makeRoom divides all places among parts if they take more than they may.
func (r *replay) makeRoom() error {
	if r.used <= r.bounds.room || len(r.at) < 2 {
		return nil
	}
	r.seed = maphash.MakeSeed()
	for range r.bounds.parts {
		r.parts = append(r.parts, &part{buffer: r.bounds.buffer})
	}
	for key, at := range r.at {
		// Line 0: a place that was reached, not a step.
		if err := r.part([]byte(key)).write(0, 0, at.version, []byte(key), nil, []byte(at.state)); err != nil {
			return err
		}
	}
	r.at, r.used = nil, 0
	return nil
}

func (r *replay) part(key []byte) *part {
	return r.parts[maphash.Bytes(r.seed, key)%uint64(len(r.parts))]
}

// finish follows what lies in parts, and returns what is wrong first in the export.
func (r *replay) finish() error {
	var first *disorderError
	for _, p := range r.parts {
		below := newReplay(r.bounds)
		err := below.follow(p)
		if err == nil {
			err = below.finish()
		}
		below.close()
		r.most = max(r.most, below.most)
		if wrong, ok := errors.AsType[*disorderError](err); !ok && err != nil {
			return err
		} else if ok && (first == nil || wrong.line < first.line) {
			first = wrong
		}
	}
	if first == nil {
		return nil
	}
	return first
}

// follow takes the steps of a part, in the order in which they were written.
func (r *replay) follow(p *part) error {
	if err := p.rewind(); err != nil {
		return err
	}
	for {
		s, key, err := p.read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if s.line > 0 {
			err = r.add(s)
		} else if r.parts != nil {
			err = r.part(key).write(0, 0, s.version, key, nil, s.to)
		} else {
			r.key = append(r.key[:0], key...)
			err = r.begin(s.to, s.version)
		}
		if err != nil {
			return err
		}
	}
}

// close gives the files back.
func (r *replay) close() {
	for _, p := range r.parts {
		if p.file != nil {
			_ = p.file.Close()
			_ = os.Remove(p.file.Name()) // where it could not be done before
		}
	}
	r.parts = nil
}

// disorderError is audit.ErrUnordered and where in the export.
type disorderError struct {
	line int64
	err  error
}

func (e *disorderError) Error() string { return e.err.Error() }
func (e *disorderError) Unwrap() error { return e.err }

// part is a share of the steps, in a file but for the last ones. It has ids and
// states, nothing else.
type part struct {
	buffer int
	file   *os.File // nil until there is more than the buffer
	last   []byte
	full   error // what a write failed with: what it left in the file is no step
	r      *bufio.Reader
	buf    []byte
}

func (p *part) write(line, seq, version int64, key, from, to []byte) error {
	b := binary.AppendVarint(binary.AppendVarint(binary.AppendVarint(p.last, line), seq), version)
	for _, text := range [...][]byte{key, from, to} {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	p.last = b
	if len(b) < p.buffer {
		return nil
	}
	if p.file == nil && !p.open() {
		// As in a container that has no folder for files. They stay in memory then: an
		// export is refused for nothing but what is wrong with it.
		p.buffer = math.MaxInt
		return nil
	}
	if _, err := p.file.Write(b); err != nil {
		p.full = fmt.Errorf("keep the states of many objects (TMPDIR says where): %w", err)
		return p.full
	}
	p.last = b[:0]
	return nil
}

func (p *part) open() bool {
	f, err := os.CreateTemp("", "tokendesk-verify-")
	if err != nil {
		return false
	}
	// A file that is open needs no name, and a run that is killed leaves none. A
	// system that refuses this lets it go when the run ends.
	_ = os.Remove(f.Name())
	p.file = f
	return true
}

func (p *part) rewind() error {
	if p.full != nil {
		return p.full
	}
	var all io.Reader = bytes.NewReader(p.last)
	if p.file != nil {
		if _, err := p.file.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("read the states of many objects: %w", err)
		}
		all = io.MultiReader(p.file, all)
	}
	p.r = bufio.NewReader(all)
	return nil
}

// read is the next step, with its key, until the one after it, or io.EOF.
func (p *part) read() (s step, key []byte, err error) {
	broken := func(err error) (step, []byte, error) {
		return step{}, nil, fmt.Errorf("read the states of many objects: %w", err)
	}
	if s.line, err = binary.ReadVarint(p.r); errors.Is(err, io.EOF) {
		return s, nil, io.EOF
	} else if err != nil {
		return broken(err)
	}
	for _, to := range []*int64{&s.seq, &s.version} {
		if *to, err = binary.ReadVarint(p.r); err != nil {
			return broken(err)
		}
	}
	p.buf = p.buf[:0]
	var ends [3]int
	for i := range ends {
		n, err := binary.ReadUvarint(p.r)
		if err != nil {
			return broken(err)
		}
		at := len(p.buf)
		p.buf = slices.Grow(p.buf, int(n))[:at+int(n)] //nolint:gosec // a length that write wrote
		if _, err := io.ReadFull(p.r, p.buf[at:]); err != nil {
			return broken(err)
		}
		ends[i] = len(p.buf)
	}
	key, s.from, s.to = p.buf[:ends[0]], p.buf[ends[0]:ends[1]], p.buf[ends[1]:]
	log, n := binary.Uvarint(key)
	s.log, s.object = int(log), key[n:] //nolint:gosec // a number that write wrote
	return s, key, nil
}
