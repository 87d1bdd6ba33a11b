package lti

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"
)

// StateKeys seal what a login has to remember into the state parameter, so that
// nothing about it is stored. Anybody can have any number of states sealed, so
// the keys must serve no other purpose, and each state is sealed by a key of its
// own, made from these and a random salt.
type StateKeys struct{ keys [][32]byte }

// NewStateKeys returns keys that seal with the first and open what any of them
// sealed. A key is 32 random bytes that all replicas have and that outlive a
// restart. Where it is replaced, the key before it is given as well for as long as
// a state lives, which is ten minutes.
func NewStateKeys(key [32]byte, earlier ...[32]byte) *StateKeys {
	return &StateKeys{append([][32]byte{key}, earlier...)}
}

// String keeps the keys out of anything that prints them.
func (k *StateKeys) String() string { return "lti.StateKeys" }

// GoString keeps the keys out of anything that prints them.
func (k *StateKeys) GoString() string { return k.String() }

// pending is one login that waits for its launch. It is all that a state holds,
// but for NonceHash, which follows from the state.
type pending struct {
	NonceHash      string
	BinderHash     string
	RegistrationID string
	DeploymentID   string // as the login request named it; may be empty
	TargetLinkURI  string // as the login request named it; the token must repeat it
	StorageTarget  string // lti_storage_target; empty where the platform offers no storage
	CreatedAt      time.Time
}

func (p pending) expires() time.Time { return p.CreatedAt.Add(stateTTL) }

// nonceOf is the nonce that goes with a state. Whoever sees one sees the other,
// so it need not be random by itself; made from the state, it binds the token to
// this very state and takes no room in it.
func nonceOf(state string) string { return digest("lti nonce", state) }

// Layout of a state, in base64url: the salt, then the login as AES-256-GCM seals
// it under the key that the salt gives.
const (
	saltLen  = 16
	minState = (saltLen + 16) * 4 / 3
	maxState = 8 << 10
)

var errState = errors.New("lti: not a state of ours")

// seal returns the state of a login. The audience, which is the tool's launch
// URL, keeps apart the states of tools that share a key.
func (k *StateKeys) seal(p pending, audience string) string {
	salt := make([]byte, saltLen)
	rand.Read(salt)
	return base64url(sealer(k.keys[0], salt).Seal(salt, onlyNonce, p.encode(), []byte(audience)))
}

// open returns the login that was sealed into a state for this audience.
func (k *StateKeys) open(state, audience string) (pending, error) {
	if len(state) < minState || len(state) > maxState || !strictBase64(state) {
		return pending{}, errState
	}
	raw, err := base64.RawURLEncoding.DecodeString(state)
	if err != nil {
		return pending{}, errState
	}
	for _, key := range k.keys {
		plain, err := sealer(key, raw[:saltLen]).Open(nil, onlyNonce, raw[saltLen:], []byte(audience))
		if err != nil {
			continue
		}
		p, err := decodePending(plain)
		if err != nil {
			return pending{}, err
		}
		p.NonceHash = nonceHash(nonceOf(state))
		return p, nil
	}
	return pending{}, errState
}

// onlyNonce is GCM's nonce: its key seals one state.
var onlyNonce = make([]byte, 12)

func sealer(key [32]byte, salt []byte) cipher.AEAD {
	m := hmac.New(sha256.New, key[:])
	m.Write([]byte("lti state 1"))
	m.Write(salt)
	block, err := aes.NewCipher(m.Sum(nil))
	if err != nil {
		panic("lti: " + err.Error()) // unreachable: the key has 32 bytes
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("lti: " + err.Error()) // unreachable: AES has GCM
	}
	return aead
}

func (p *pending) texts() []*string {
	return []*string{&p.BinderHash, &p.RegistrationID, &p.DeploymentID, &p.TargetLinkURI, &p.StorageTarget}
}

// encode writes the time in nanoseconds and then each text after its length.
func (p pending) encode() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 256), uint64(p.CreatedAt.UnixNano()))
	for _, s := range p.texts() {
		b = append(binary.AppendUvarint(b, uint64(len(*s))), *s...)
	}
	return b
}

func decodePending(b []byte) (pending, error) {
	if len(b) < 8 {
		return pending{}, errState
	}
	p := pending{CreatedAt: time.Unix(0, int64(binary.BigEndian.Uint64(b)))} //nolint:gosec // encode made it of an int64
	b = b[8:]
	for _, s := range p.texts() {
		n, used := binary.Uvarint(b)
		if used <= 0 || n > maxState || int(n) > len(b)-used {
			return pending{}, errState
		}
		end := used + int(n)
		*s, b = string(b[used:end]), b[end:]
	}
	return p, nil
}
