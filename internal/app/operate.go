package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/credential"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/toolkeys"
)

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

// Migrate brings the database to this version of the program.
func (a *App) Migrate(ctx context.Context) error { return a.Store.Migrate(ctx) }

// DisablePlatform switches a Canvas off (see the function of that name).
func (a *App) DisablePlatform(ctx context.Context, name, reason string) error {
	return DisablePlatform(ctx, a.Store, name, Operator(), reason, a.now())
}

// SetSchool writes the school's words and lists (see the function of that name).
func (a *App) SetSchool(ctx context.Context, name string, document []byte, reason string) error {
	return SetSchool(ctx, a.Store, name, document, Operator(), reason, a.now())
}

// Platforms returns every registration, oldest first.
func (a *App) Platforms(ctx context.Context) (all []store.Platform, err error) {
	err = a.Store.Read(ctx, func(tx *store.Tx) error {
		all, err = tx.Platforms()
		return err
	})
	return all, err
}

// Usable reports whether the database has the schema of this program, in words
// that say what to do.
func (a *App) Usable(ctx context.Context) error { return usable(a.Store.Ready(ctx)) }

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
func (a *App) Keys(ctx context.Context) ([]KeyState, error) { return a.keys.States(ctx) }

// RotateKeys makes a new signing key for the tool, without a gap (see
// toolkeys.Keys.Rotate).
func (a *App) RotateKeys(ctx context.Context, actor, reason string) (Rotation, error) {
	return a.keys.Rotate(ctx, actor, reason)
}

// ReplaceLostKeys ends the tool's keys that this master key does not open, and
// makes a new one (see toolkeys.Keys.ReplaceLost). It is an ErrUsage where the
// newest key can be opened.
func (a *App) ReplaceLostKeys(ctx context.Context, actor, reason string) (KeyState, error) {
	k, err := a.keys.ReplaceLost(ctx, actor, reason)
	if errors.Is(err, toolkeys.ErrNotLost) {
		err = usage("%s", err)
	}
	return k, err
}

// onePlatform finds the platform an operator means: by name, or the only one.
func (a *App) onePlatform(ctx context.Context, name string) (p store.Platform, err error) {
	err = a.Store.Read(ctx, func(tx *store.Tx) error {
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
