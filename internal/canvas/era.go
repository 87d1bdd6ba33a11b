package canvas

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Era is an age of Canvas's rules about tokens, as far as calls that change
// nothing tell it.
type Era string

// The eras. E1 is autumn 2024 (an admin cannot list tokens; E1 and E1b differ in
// writes only), E2 is autumn 2025, E3 is 2026. A Canvas in which the vendor's
// switch of E2 is off looks like E1, and is treated as that.
const (
	Era1    Era = "E1"
	Era2    Era = "E2"
	Era3    Era = "E3"
	Era2Or3 Era = "E2 or E3"
)

const (
	eraKeep   = 24 * time.Hour // hosted Canvas changes every second week
	eraOption = "admin_manage_access_tokens"
)

// Eras is what a Canvas was found to be.
type Eras struct {
	Era Era
	// Lists says whether tokens can be listed. Without it a lost answer cannot
	// be cleared up, and nothing can be proven gone.
	Lists bool
	// Held are the permissions about tokens that the credential has; one that
	// this Canvas does not offer is false.
	Held map[string]bool
	// DeniedStatus is the HTTP status of Canvas's own last denial, 0 before one
	// was met.
	DeniedStatus int
}

type eraCache struct {
	mu     sync.Mutex
	found  Eras
	at     time.Time
	denied int
}

// sawDenied notes the status with which Canvas itself said "not authorized": 401
// before 2026, 403 afterwards (authentication_methods.rb).
func (e *eraCache) sawDenied(status int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.denied = status
}

// Era finds out which age this Canvas is of, by calls that change nothing and
// never by trying to write: the permissions, the credential's own list of
// tokens, and how a denial that was met before was worded. Where these leave
// E2 and E3 open, the feature option that only E2 has decides, if it can be
// read. The answer is kept for a day.
func (c *Client) Era(ctx context.Context) (Eras, error) {
	c.era.mu.Lock()
	found, fresh := c.era.found, c.era.found.Era != "" && c.cfg.Now().Sub(c.era.at) < eraKeep
	found.DeniedStatus = c.era.denied
	c.era.mu.Unlock()
	if !fresh {
		var err error
		if found, err = c.findEra(ctx); err != nil {
			return Eras{}, err
		}
		c.era.mu.Lock()
		c.era.found, c.era.at = found, c.cfg.Now()
		found.DeniedStatus = c.era.denied
		c.era.mu.Unlock()
	}
	if found.Era == Era2Or3 && found.DeniedStatus == http.StatusUnauthorized {
		found.Era = Era2
	}
	return found, nil
}

func (c *Client) findEra(ctx context.Context) (found Eras, err error) {
	if found.Held, err = c.Permissions(ctx, self, PermissionCreateTokens, PermissionDeleteTokens, PermissionViewTokens); err != nil {
		return Eras{}, err
	}
	var rows []json.RawMessage
	err = c.get(ctx, "list own tokens", "users/"+self+"/user_generated_tokens", url.Values{"per_page": {"1"}}, &rows)
	switch {
	case KindOf(err) == NotFound:
		found.Era = Era1
		return found, nil
	case err != nil:
		return Eras{}, err
	}
	found.Era, found.Lists = Era2Or3, true
	var options []string
	if c.get(ctx, "list features", "accounts/"+self+"/features/enabled", nil, &options) != nil {
		return found, nil //nolint:nilerr // a tie-breaker, and no more
	}
	switch {
	case slices.Contains(options, eraOption):
		found.Era = Era2
	case found.Held[PermissionCreateTokens]: // in E2 only that option offers it
		found.Era = Era3
	}
	return found, nil
}

// NoListing reports whether an error of ListTokens means that this Canvas does
// not let us list tokens at all: it denies it, or has no such list (E1). An owner
// whom a Canvas with a list does not find is neither.
func (c *Client) NoListing(ctx context.Context, err error) bool {
	switch KindOf(err) {
	case Denied:
		return true
	case NotFound:
		found, eraErr := c.Era(ctx)
		return eraErr == nil && !found.Lists
	}
	return false
}

// OwnTokens reads which of the credential's user's tokens the credential itself
// can be, by its hint: they are usable, and made by a person. None means that
// the credential is no such token (one of OAuth, for example). It is NotFound
// where Canvas has no list.
func (c *Client) OwnTokens(ctx context.Context) ([]Token, error) {
	all, err := c.ListTokens(ctx, self)
	if err != nil {
		return nil, err
	}
	value, e := c.credential(ctx, "list own tokens")
	if e != nil {
		return nil, e
	}
	return slices.DeleteFunc(all, func(t Token) bool {
		return t.Hint != value[:min(len(value), hintLen)] || t.State != StateActive || !t.ExpiresAt.IsZero() && t.ExpiresAt.Before(c.cfg.Now())
	}), nil
}

// HasTokenReport reports whether an account offers the report of all tokens. It
// needs the permission read_reports, without which it is Denied.
func (c *Client) HasTokenReport(ctx context.Context, accountID string) (bool, error) {
	const op = "list reports"
	account, e := segment(op, "account", accountID)
	if e != nil {
		return false, e
	}
	var types []struct {
		Report string `json:"report"`
	}
	if err := c.get(ctx, op, "accounts/"+account+"/reports", nil, &types); err != nil {
		return false, err
	}
	return slices.ContainsFunc(types, func(t struct {
		Report string `json:"report"`
	}) bool {
		return t.Report == tokenReport
	}), nil
}

// deniedBy returns the status of a denial that Canvas itself gave, or 0.
func deniedBy(err *Error) int {
	if err != nil && err.Kind == Denied && err.unauthorized {
		return err.Status
	}
	return 0
}
