// Package operate is what operators do by command, and what an installation asks
// for whatever its schools do: registrations of Canvases (by hand, and by an invite
// that Canvas answers), their settings, the audit log's export, a mass revocation
// from the machine, and the program's own upkeep.
package operate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/user"
	"strings"
	"sync"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/credential"
	"github.com/tokendesk/tokendesk/internal/desk/rooms"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/toolkeys"
)

// Commands are what operators do, each as one method, and the steps of a
// registration that pages call. All fields are needed but Forget and
// TrustedProxies; only Invite needs PublicURL. They need no server beside them.
type Commands struct {
	Store *store.Store
	Box   *secret.Box
	// ToolKeys are the tool's own.
	ToolKeys *toolkeys.Keys
	// Canvas returns the client of a platform's REST API.
	Canvas func(p store.Platform) (*canvas.Client, error)
	// Rooms have the verbs that pages call too. Where no server runs in this process
	// they send no letters: those are stored as jobs, which a server does.
	Rooms *rooms.Rooms
	// Forget is told that a registration was written, so that what this process has
	// read of them is read anew; nil where nothing is kept.
	Forget         func()
	PublicURL      string         // the tool's origin as browsers see it; invites lead there
	TrustedProxies []netip.Prefix // whose forwarded headers are believed
	Now            func() time.Time
	Log            *slog.Logger

	complete sync.Map // ids of platforms whose registration was seen to be complete
}

// ErrUsage is an error in what an operator asked for, in words for them.
var ErrUsage = errors.New("cannot do that")

func usage(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUsage, fmt.Sprintf(format, args...))
}

// secretFileMax bounds what a wrong path makes us read.
const secretFileMax = 64 << 10

// ReadSecret reads a file that holds one secret, with or without white space
// around it. Its errors name the file and never what it holds.
func ReadSecret(path string) (secret.Text, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return secret.Text{}, usage("the secret cannot be read: %s", err)
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, secretFileMax+1))
	v := strings.TrimSpace(string(b))
	switch {
	case err != nil:
		return secret.Text{}, usage("the secret cannot be read: %s", err)
	case len(b) > secretFileMax:
		return secret.Text{}, usage("%s is too large to hold one secret", path)
	case v == "":
		return secret.Text{}, usage("%s is empty", path)
	case strings.ContainsAny(v, " \t\r\n"):
		return secret.Text{}, usage("%s holds more than one word; a secret is one", path)
	}
	return secret.New(v), nil
}

// Operator names who runs a command, for the audit log.
func Operator() string { return access.OperatorCaller("", account()).ID() }

// account is the account on the machine that runs a command.
func account() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

// Platforms returns every registration, oldest first.
func (c *Commands) Platforms(ctx context.Context) (all []store.Platform, err error) {
	err = c.Store.Read(ctx, func(tx *store.Tx) error {
		all, err = tx.Platforms()
		return err
	})
	return all, err
}

// Credential is how the program signs its calls to one Canvas.
type Credential = credential.Credential

// TokenCredential is an admin's token as a Credential.
func TokenCredential(token string) Credential { return Credential{Token: secret.New(token)} }

// checkCredential refuses a credential in words for operators.
func checkCredential(c Credential) error {
	if err := c.Check(); err != nil {
		return usage("%s", err)
	}
	return nil
}

// KeyState is one of the tool's own signing keys, without the key. Rotation is
// what a rotation came to.
type (
	KeyState = toolkeys.State
	Rotation = toolkeys.Rotation
)

// Keys returns the tool's own signing keys, oldest first.
func (c *Commands) Keys(ctx context.Context) ([]KeyState, error) { return c.ToolKeys.States(ctx) }

// RotateKeys makes a new signing key for the tool, without a gap (see
// toolkeys.Keys.Rotate).
func (c *Commands) RotateKeys(ctx context.Context, actor, reason string) (Rotation, error) {
	return c.ToolKeys.Rotate(ctx, actor, reason)
}

// ReplaceLostKeys ends the tool's keys that this master key does not open, and
// makes a new one (see toolkeys.Keys.ReplaceLost). It is an ErrUsage where the
// newest key can be opened.
func (c *Commands) ReplaceLostKeys(ctx context.Context, actor, reason string) (KeyState, error) {
	k, err := c.ToolKeys.ReplaceLost(ctx, actor, reason)
	if errors.Is(err, toolkeys.ErrNotLost) {
		err = usage("%s", err)
	}
	return k, err
}

// Platform finds the platform an operator means: by name, or the only one. An
// ErrUsage names what there is.
func (c *Commands) Platform(ctx context.Context, name string) (p store.Platform, err error) {
	err = c.Store.Read(ctx, func(tx *store.Tx) error {
		if name != "" {
			p, err = platformNamed(tx, name)
			return err
		}
		all, err := tx.Platforms()
		switch {
		case err != nil:
			return err
		case len(all) == 0:
			return usage("no platform is registered yet; platform add registers one")
		case len(all) > 1:
			return usage("there are %d platforms; name one with -platform", len(all))
		}
		p = all[0]
		return nil
	})
	return p, err
}
