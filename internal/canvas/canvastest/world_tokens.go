package canvastest

import (
	"crypto/hmac"
	"crypto/sha256"
	"slices"
	"strconv"
	"time"
)

// DefaultKeyName is the developer key that every manual token hangs on.
const DefaultKeyName = "User-Generated"

// defaultKeyID is the global id of that key as it was seen on hosted Canvas:
// shard 17, local id 16.
const defaultKeyID = 17*shardFactor + 16

// Token is an access token as Canvas stores it: no secret, only a digest, so a
// row read again can never show the value.
type Token struct {
	ID         ID
	UserID     ID
	Purpose    string
	State      string // pending, active or deleted; expired is derived
	CreatedAt  time.Time
	UpdatedAt  time.Time
	ExpiresAt  time.Time // zero: never
	LastUsedAt time.Time // zero: never
	Scopes     []string
	KeyID      ID
	AppName    string // DefaultKeyName for a manual token
	RealUserID ID     // always 0 for a token made through the REST calls
	Hint       string // the first five characters of the secret

	digest     [sha256.Size]byte
	accessEnds time.Time // the one-hour life of a developer key's token
	warned     bool      // the expiring-soon mail went out
}

func (t *Token) manual() bool { return t.KeyID == defaultKeyID }

func (t *Token) expired(now time.Time) bool {
	end := t.end()
	return !end.IsZero() && end.Before(now)
}

// end is when the token stops working, the zero time for never.
func (t *Token) end() time.Time {
	if !t.accessEnds.IsZero() {
		return t.accessEnds
	}
	return t.ExpiresAt
}

// TokenSpec describes a token to put into the world without the REST calls.
type TokenSpec struct {
	Purpose   string
	State     string    // empty: active
	CreatedAt time.Time // zero: now
	ExpiresAt time.Time
	LastUsed  time.Time
	// AppName other than "" makes it a token of a third-party developer key.
	AppName string
}

// SeedToken puts a token of this user into the world and returns it with its
// secret.
func (w *World) SeedToken(user string, spec TokenSpec) (Token, string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := must(w.userByKeyLocked(user), "user", user)
	t := w.newTokenLocked(u)
	t.Purpose, t.State = spec.Purpose, orElse(spec.State, StateActive)
	t.ExpiresAt, t.LastUsedAt = spec.ExpiresAt, spec.LastUsed
	if !spec.CreatedAt.IsZero() {
		t.CreatedAt, t.UpdatedAt = spec.CreatedAt, spec.CreatedAt
	}
	if spec.AppName != "" {
		t.AppName, t.KeyID = spec.AppName, w.newIDLocked("tool")
	}
	secret := w.newSecretLocked(t)
	w.tokens.put(t.ID, t)
	return copyToken(t), secret
}

func (w *World) newTokenLocked(owner *User) *Token {
	now := w.Clock.Now()
	return &Token{
		ID: w.newIDLocked("token"), UserID: owner.ID, State: StateActive, CreatedAt: now, UpdatedAt: now,
		KeyID: defaultKeyID, AppName: DefaultKeyName,
	}
}

// newSecretLocked gives the token a fresh secret, which ends the old one at
// once, and returns it: the only time that it exists outside the digest.
func (w *World) newSecretLocked(t *Token) string {
	const alphabet = "ABCDEFGHJKLMNPQRTUVWXYZabcdefghkmnrtuvwxyz234678"
	secret := make([]byte, 0, 72)
	if shard := w.users.get(t.UserID).SecretShard; shard != 0 {
		secret = append(strconv.AppendInt(secret, int64(shard), 10), '~')
	}
	// Bytes beyond the largest multiple of the alphabet are thrown away, so
	// that no letter is likelier than another.
	limit := 256 - 256%len(alphabet)
	for n := 0; n < 64; {
		for _, b := range randomBytes(64) {
			if int(b) < limit && n < 64 {
				secret = append(secret, alphabet[int(b)%len(alphabet)])
				n++
			}
		}
	}
	t.Hint, t.digest = string(secret[:5]), w.digestLocked(string(secret))
	return string(secret)
}

func (w *World) digestLocked(secret string) [sha256.Size]byte {
	mac := hmac.New(sha256.New, w.tokenMAC)
	mac.Write([]byte(secret))
	return [sha256.Size]byte(mac.Sum(nil))
}

func (w *World) tokenBySecretLocked(secret string) *Token {
	digest := w.digestLocked(secret)
	return w.tokens.find(func(t *Token) bool { return t.digest == digest })
}

// usableLocked is Canvas's rule for a token that authenticates: not deleted,
// not pending, not expired, and its user has a usable login.
func (w *World) usableLocked(t *Token) bool {
	u := w.users.get(t.UserID)
	return t.State == StateActive && !t.expired(w.Clock.Now()) && u != nil && w.canSignInLocked(u)
}

// Tokens returns every token of the user, deleted and third-party ones too,
// oldest first.
func (w *World) Tokens(user string) []Token {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := must(w.userByKeyLocked(user), "user", user)
	return w.copyTokensLocked(func(t *Token) bool { return t.UserID == u.ID })
}

// UsableTokens returns the tokens of the user that would authenticate now or
// once the owner activates them: everything not deleted and not expired.
func (w *World) UsableTokens(user string) []Token {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := must(w.userByKeyLocked(user), "user", user)
	now := w.Clock.Now()
	return w.copyTokensLocked(func(t *Token) bool {
		return t.UserID == u.ID && t.State != StateDeleted && !t.expired(now)
	})
}

// TokenByID returns the token with this id, deleted or not, or false.
func (w *World) TokenByID(id ID) (Token, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.tokens.get(id); t != nil {
		return copyToken(t), true
	}
	return Token{}, false
}

// Authenticates says whether this secret would be accepted by the API now.
func (w *World) Authenticates(secret string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.tokenBySecretLocked(secret)
	return t != nil && w.usableLocked(t)
}

// UpdateToken changes a stored token under the world's lock, behind Canvas's
// back: what an administrator of Canvas or a restored backup might have done.
// It reports whether the token exists.
func (w *World) UpdateToken(id ID, change func(*Token)) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.tokens.get(id)
	if t == nil {
		return false
	}
	change(t)
	return true
}

// DeleteTokenBehind deletes a token outside the tool's sight and reports
// whether it was there to delete.
func (w *World) DeleteTokenBehind(id ID) bool {
	return w.UpdateToken(id, func(t *Token) { t.State = StateDeleted })
}

func (w *World) copyTokensLocked(match func(*Token) bool) []Token {
	var list []Token
	for _, t := range w.tokens.filter(match) {
		list = append(list, copyToken(t))
	}
	slices.SortStableFunc(list, func(a, b Token) int { return byAge(&a, &b) })
	return list
}

func copyToken(t *Token) Token {
	c := *t
	c.Scopes = slices.Clone(t.Scopes)
	return c
}

// byAge is the order of the listing: created_at, then id.
func byAge(a, b *Token) int {
	if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
		return c
	}
	return int(max(-1, min(1, a.ID-b.ID)))
}

// ServiceToken returns the secret of the standing API token of the user
// "service" of the default population, "" in another world.
func (w *World) ServiceToken() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.serviceToken
}
