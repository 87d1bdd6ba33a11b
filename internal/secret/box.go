package secret

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
)

// ErrSealed is returned by Box.Open for bytes that it cannot open: damaged,
// sealed for another context, or sealed with a key that the Box does not hold.
var ErrSealed = errors.New("secret: cannot open sealed data")

// Layout of sealed bytes: one byte of format, the id of the key, then a nonce
// and the ciphertext as AES-256-GCM with a random nonce writes them.
const (
	sealFormat = 1
	keyIDLen   = 8
	headLen    = 1 + keyIDLen
)

// Box seals small values with AES-256-GCM. Sealed bytes name the key that
// sealed them, so that a Box which holds several keys opens what any of them
// sealed, and seals with the first. A Box is safe for concurrent use.
type Box struct {
	keys []boxKey // never empty; the first one seals
}

type boxKey struct {
	id     [keyIDLen]byte
	master *[32]byte // a pointer, so that printing somebody's field does not print the key
	aead   cipher.AEAD
}

// NewBox returns a Box that seals with key and opens what key, or any of the
// retired keys, sealed. The keys themselves seal nothing: each use has a key
// of its own, derived by HKDF-SHA256 (RFC 5869).
func NewBox(key [32]byte, retired ...[32]byte) *Box {
	b := &Box{keys: []boxKey{newBoxKey(key)}}
	for _, k := range retired {
		b.keys = append(b.keys, newBoxKey(k))
	}
	return b
}

func newBoxKey(master [32]byte) boxKey {
	k := boxKey{master: &master}
	copy(k.id[:], derive(master, "key id", keyIDLen))
	block, err := aes.NewCipher(derive(master, "seal", 32))
	if err != nil {
		panic("secret: " + err.Error()) // unreachable: the key has 32 bytes
	}
	k.aead, err = cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("secret: " + err.Error()) // unreachable: AES has GCM
	}
	return k
}

func derive(master [32]byte, purpose string, n int) []byte {
	out, err := hkdf.Key(sha256.New, master[:], nil, "tokendesk "+purpose, n)
	if err != nil {
		panic("secret: " + err.Error()) // unreachable: n is within RFC 5869's limit
	}
	return out
}

// Seal encrypts plain. The context says what the value is and whose (for
// example "platform/plt_1/canvas-token"): Open needs the same one, so sealed
// bytes copied to another row do not open there.
func (b *Box) Seal(plain []byte, context string) []byte {
	k := b.keys[0]
	head := append([]byte{sealFormat}, k.id[:]...)
	return k.aead.Seal(head, nil, plain, additional(head, context))
}

// Open returns what Seal was given for this context. Any other input fails
// with an error that wraps ErrSealed and says only whether the key is unknown.
func (b *Box) Open(sealed []byte, context string) ([]byte, error) {
	if len(sealed) < headLen || sealed[0] != sealFormat {
		return nil, fmt.Errorf("%w: not a sealed value", ErrSealed)
	}
	head, rest := sealed[:headLen], sealed[headLen:]
	for _, k := range b.keys {
		if !bytes.Equal(k.id[:], head[1:]) {
			continue
		}
		plain, err := k.aead.Open(nil, nil, rest, additional(head, context))
		if err != nil {
			return nil, fmt.Errorf("%w: damaged, or sealed for another purpose", ErrSealed)
		}
		return plain, nil
	}
	return nil, fmt.Errorf("%w: sealed with a key that is not loaded", ErrSealed)
}

// Current reports whether the first key sealed these bytes. A value that is
// not current is sealed again when keys are rotated.
func (b *Box) Current(sealed []byte) bool {
	return len(sealed) >= headLen && sealed[0] == sealFormat && bytes.Equal(sealed[1:headLen], b.keys[0].id[:])
}

func additional(head []byte, context string) []byte {
	return append(bytes.Clone(head), context...)
}

// MAC returns the HMAC-SHA256 of data under a key of its own for the purpose,
// made from the first key: a fingerprint that only a holder of the key can
// compute or test. Compare with hmac.Equal.
func (b *Box) MAC(purpose string, data []byte) []byte { return b.keys[0].mac(purpose, data) }

// MACs returns the MAC of data under every key of the Box, the first key
// first: what a look-up needs when rows may have been written before a change
// of keys.
func (b *Box) MACs(purpose string, data []byte) [][]byte {
	out := make([][]byte, 0, len(b.keys))
	for _, k := range b.keys {
		out = append(out, k.mac(purpose, data))
	}
	return out
}

func (k boxKey) mac(purpose string, data []byte) []byte {
	m := hmac.New(sha256.New, derive(*k.master, "mac "+purpose, 32))
	m.Write(data)
	return m.Sum(nil)
}

// Keys returns a key of its own for the purpose, made from each key of the Box,
// the first key's first. It is for whoever seals so much, or whatever anybody
// asks, that it must not use up the key that seals credentials.
func (b *Box) Keys(purpose string) [][32]byte {
	out := make([][32]byte, len(b.keys))
	for i, k := range b.keys {
		copy(out[i][:], derive(*k.master, "own key "+purpose, 32))
	}
	return out
}

// String keeps the keys out of anything that prints a Box.
func (b *Box) String() string { return mask }

// GoString keeps the keys out of anything that prints a Box.
func (b *Box) GoString() string { return mask }
