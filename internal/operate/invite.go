package operate

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/store"
)

// How long a link for dynamic registration may work.
const (
	InviteLife    = 24 * time.Hour // unless the operator says otherwise
	maxInviteLife = 14 * 24 * time.Hour
)

// InviteSpec says which Canvas may register itself with the link.
type InviteSpec struct {
	Name string // of the platform to come, unique
	// CanvasURLs are the institution's own origins: the first is called, all may
	// frame the tool's pages, and only they may give a registration.
	CanvasURLs []string
	// Credential for Canvas's API. The zero one leaves it to SetCredential.
	Credential Credential
	Valid      time.Duration

	Actor, Reason string // of the registration's audit row
}

// Invited is a link for dynamic registration.
type Invited struct {
	// Link is to be pasted into Canvas. It works once, and whoever has it until
	// then can register the Canvas it names: it is a secret.
	Link      string
	ExpiresAt time.Time
}

// Check refuses what can be known to be wrong without asking anybody.
func (s InviteSpec) Check() error {
	switch {
	case !nameForm.MatchString(s.Name):
		return usage("-name must be 1 to 80 letters, digits, spaces or . _ ' & ( ) -")
	case s.Actor == "":
		return errors.New("invite: nobody is named as the actor")
	case s.Reason == "":
		return usage("-reason is needed")
	case len(s.CanvasURLs) == 0:
		return usage("-canvas-url is needed")
	case s.Valid < time.Minute || s.Valid > maxInviteLife:
		return usage("-valid must be between 1m and %dh", int(maxInviteLife.Hours()))
	}
	for i, c := range s.CanvasURLs {
		if err := checkOrigin(c, true); err != nil {
			return usage("-canvas-url %s", err)
		}
		if slices.Contains(s.CanvasURLs[:i], c) {
			return usage("-canvas-url %s is given twice", c)
		}
	}
	if s.Credential.Given() {
		return checkCredential(s.Credential)
	}
	return nil
}

// Invite makes a one-time link for LTI dynamic registration. Only a digest of
// the code in it is stored. An ErrUsage says what to correct.
func (c *Commands) Invite(ctx context.Context, spec InviteSpec) (Invited, error) {
	if err := spec.Check(); err != nil {
		return Invited{}, err
	}
	if c.PublicURL == "" {
		return Invited{}, usage("TOKENDESK_PUBLIC_URL is not set: the link leads there")
	}
	now, code := c.Now(), rand.Text()
	i := store.Invite{
		ID: store.NewID("inv"), Hash: inviteHash(code), Platform: store.NewID("plt"), Name: spec.Name, CanvasURLs: spec.CanvasURLs,
		Actor: spec.Actor, Reason: spec.Reason, CreatedAt: now, ExpiresAt: now.Add(spec.Valid),
	}
	if spec.Credential.Given() {
		var err error
		if i.Credential, i.CredentialKind, err = spec.Credential.Seal(c.Box, i.Platform); err != nil {
			return Invited{}, err
		}
	}
	err := c.Store.InTx(ctx, func(tx *store.Tx) error {
		switch _, err := tx.PlatformNamed(spec.Name); {
		case err == nil:
			return usage("there is a platform named %q already; platform list shows all", spec.Name)
		case !errors.Is(err, access.ErrNotFound):
			return err
		}
		return tx.CreateInvite(i)
	})
	if err != nil {
		return Invited{}, err
	}
	return Invited{Link: c.PublicURL + "/lti/register?" + url.Values{"invite": {code}}.Encode(), ExpiresAt: i.ExpiresAt}, nil
}

// codeForm is what rand.Text makes.
var codeForm = regexp.MustCompile(`^[A-Z2-7]{26}$`)

func inviteHash(code string) []byte {
	sum := sha256.Sum256([]byte("tokendesk invite " + code))
	return sum[:]
}
