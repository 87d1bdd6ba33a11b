package operate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
	"github.com/tokendesk/tokendesk/lti/loopback"
)

// PlatformSpec is a Canvas to register by hand.
type PlatformSpec struct {
	Name     string // the operator's, unique; also the school's until it has settings
	Issuer   string
	ClientID string
	// Deployments are allow-listed; the first is the one at the root account.
	Deployments                  []string
	AuthURL, KeySetURL, TokenURL string
	// CanvasURLs are the institution's own origins: the first is called, all may
	// frame the tool's pages.
	CanvasURLs   []string
	AllowPrivate bool
	Credential   Credential
	School       store.School // defaults where empty
	// Moved says, of a name that is taken, that the school's Canvas itself has
	// another issuer or address now. Without it that is another environment.
	Moved bool

	Actor  string // who registers, for the audit log: "operator:<os user>"
	Reason string
}

var nameForm = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N} ._'&()-]{0,79}$`)

// Check refuses what can be known to be wrong without asking anybody.
func (p PlatformSpec) Check() error {
	switch {
	case !nameForm.MatchString(p.Name):
		return usage("-name must be 1 to 80 letters, digits, spaces or . _ ' & ( ) -")
	case p.Actor == "":
		return errors.New("register platform: nobody is named as the actor")
	case p.Issuer == "" || p.ClientID == "" || len(p.Deployments) == 0 || len(p.CanvasURLs) == 0:
		return usage("-issuer, -client-id, -deployment-id and -canvas-url are all needed")
	}
	if err := checkOrigin(p.Issuer, false); err != nil {
		return usage("-issuer %s", err)
	}
	for _, c := range p.CanvasURLs {
		if err := checkOrigin(c, true); err != nil {
			return usage("-canvas-url %s", err)
		}
	}
	return checkCredential(p.Credential)
}

// checkOrigin refuses what is not https (or http on loopback), and, for
// origins, anything beyond scheme and host.
func checkOrigin(raw string, bare bool) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil, u.Opaque != "", u.Hostname() == "", u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("must be an https URL, and %q is none", raw)
	case u.User != nil, u.Fragment != "", u.RawQuery != "":
		return errors.New("must hold no user, query or fragment")
	case bare && (u.Path != "" || u.Scheme+"://"+lti.HostOf(u) != raw):
		return errors.New("must be scheme and host only, in lower case, without a slash at the end and without the scheme's own port")
	case u.Scheme == "http" && !loopback.Host(u.Hostname()):
		return errors.New("must be https; http is for loopback hosts only")
	}
	return nil
}

// AddPlatform registers a Canvas: a tenant of its own, the registration and the
// sealed credential, with the audit row that begins the tenant's log. It calls
// nobody; what the credential is worth, doctor tells.
//
// A name that is taken is registered anew where spec gives a Reason: its
// registration and credential are replaced and it is switched on, while tenant,
// people and records stay. That is how a credential is renewed and a new client
// id attached: a Canvas that is registered by one name is refused by another,
// and nothing joins by itself. One issuer and first address are one Canvas;
// another of either is another environment, such as beta, with a tenant of its
// own. An ErrUsage says what to correct.
func (c *Commands) AddPlatform(ctx context.Context, spec PlatformSpec) (store.Platform, error) {
	p, err := c.addPlatform(ctx, spec)
	if c.Forget != nil {
		c.Forget()
	}
	return p, err
}

func (c *Commands) addPlatform(ctx context.Context, spec PlatformSpec) (store.Platform, error) {
	now := c.Now()
	if err := spec.Check(); err != nil {
		return store.Platform{}, err
	}
	school, err := withDefaults(spec.School, now)
	if err != nil {
		return store.Platform{}, err
	}
	var p store.Platform
	err = c.Store.InTx(ctx, func(tx *store.Tx) error {
		have, err := tx.PlatformNamed(spec.Name)
		told := audit.Event{ID: store.NewID("aud"), At: now, Actor: spec.Actor, Action: audit.PlatformAdd}
		switch {
		case errors.Is(err, access.ErrNotFound):
			have = store.Platform{ID: store.NewID("plt"), Tenant: access.TenantID(store.NewID("ten")), CreatedAt: now}
			t := store.Tenant{ID: have.Tenant, Name: spec.Name, School: school, Version: 1, CreatedAt: now}
			if err := tx.CreateTenant(t); err != nil {
				return err
			}
		case err != nil:
			return err
		case spec.Reason == "":
			return usage("there is a platform named %q already; to replace its registration and credential, give -reason", spec.Name)
		case !spec.Moved && !spec.sameCanvas(have):
			return usage("%q is the Canvas at %s with the issuer %s, and another address or issuer is another environment (beta, test), which needs a -name of its own; "+
				"if the school's own Canvas has moved, add -moved", spec.Name, strings.Join(have.CanvasURLs[:min(1, len(have.CanvasURLs))], ""), have.Registration.Issuer)
		default:
			told.Action = audit.PlatformChange
		}
		if p, err = spec.platform(c.Box, have.ID); err != nil {
			return err
		}
		p.Tenant, p.CreatedAt = have.Tenant, have.CreatedAt
		told.Tenant, told.Object = string(p.Tenant), p.ID
		if err := tx.TakeCanvas(p.Tenant, spec.Issuer, spec.CanvasURLs[0]); err != nil {
			return err
		}
		return tx.SavePlatform(p, told, spec.detail(p))
	})
	if errors.Is(err, access.ErrConflict) {
		if other, err := platformOfCanvas(ctx, c.Store, spec.Issuer, spec.CanvasURLs[0]); err != nil {
			return store.Platform{}, err
		} else if other != "" && other != spec.Name {
			return store.Platform{}, usage("this Canvas is registered already as %q, with its people and records; to give that registration this client id, "+
				"use its name, with the other flags as they are: tokendesk platform add -name %q -reason TEXT", other, other)
		}
		return store.Platform{}, usage("another platform has this issuer, client id and deployment id; platform list shows all")
	}
	return p, err
}

// sameCanvas reports whether a platform is of the same Canvas: the same issuer,
// called at the same address.
func (p PlatformSpec) sameCanvas(have store.Platform) bool {
	return have.Registration.Issuer == p.Issuer && len(have.CanvasURLs) > 0 && have.CanvasURLs[0] == p.CanvasURLs[0]
}

// platformOfCanvas is the name under which a Canvas is registered, or empty.
func platformOfCanvas(ctx context.Context, st *store.Store, issuer, origin string) (name string, err error) {
	err = st.Read(ctx, func(tx *store.Tx) error {
		p, err := tx.PlatformOfCanvas(issuer, origin)
		if errors.Is(err, access.ErrNotFound) {
			return nil
		}
		name = p.Name
		return err
	})
	return name, err
}

// platform is the row of a registration, with its credential sealed for it.
func (p PlatformSpec) platform(box *secret.Box, id string) (store.Platform, error) {
	out := store.Platform{ID: id, Name: p.Name, CanvasURLs: p.CanvasURLs, AllowPrivate: p.AllowPrivate}
	out.Registration = lti.Registration{
		ID: id, Issuer: p.Issuer, ClientID: p.ClientID, AuthURL: p.AuthURL, TokenURL: p.TokenURL, KeySetURL: p.KeySetURL,
		FrameOrigins: p.CanvasURLs, RosterHosts: hostsOf(p.CanvasURLs), Canvas: true,
	}
	for i, d := range p.Deployments {
		out.Registration.Deployments = append(out.Registration.Deployments, lti.Deployment{ID: d, Root: i == 0})
	}
	if err := out.Registration.Validate(); err != nil {
		return store.Platform{}, usage("%s", strings.TrimPrefix(err.Error(), "lti: "))
	}
	var err error
	out.Credential, out.CredentialKind, err = p.Credential.Seal(box, id)
	return out, err
}

// detail is what the audit log tells of a registration. The credential's kind is
// all that it tells of the credential.
func (p PlatformSpec) detail(row store.Platform) *audit.Detail {
	return audit.NewDetail(map[string]string{
		"name": p.Name, "issuer": p.Issuer, "client_id": p.ClientID, "deployments": strings.Join(p.Deployments, " "),
		"canvas": strings.Join(p.CanvasURLs, " "), "credential": row.CredentialKind, "allow_private": fmt.Sprint(p.AllowPrivate),
		"reason": p.Reason,
	})
}

// DisablePlatform switches a Canvas off: no launch and no call to it from then
// on. Its records stay. Disabling twice changes nothing.
func (c *Commands) DisablePlatform(ctx context.Context, name, reason string) error {
	return c.Store.InTx(ctx, func(tx *store.Tx) error {
		p, err := platformNamed(tx, name)
		if err != nil || p.Disabled {
			return err
		}
		p.Disabled = true
		told := audit.Event{ID: store.NewID("aud"), Tenant: string(p.Tenant), At: c.Now(), Actor: Operator(), Action: audit.PlatformChange, Object: p.ID}
		return tx.SavePlatform(p, told, audit.NewDetail(map[string]string{"disabled": "true", "reason": reason}))
	})
}

// SetSchool writes the school's words and lists. The document is a JSON object
// with the fields of store.School; a field that it leaves out stays as it is,
// and one that does not exist is refused.
func (c *Commands) SetSchool(ctx context.Context, name string, document []byte, reason string) error {
	return c.Store.InTx(ctx, func(tx *store.Tx) error {
		p, err := platformNamed(tx, name)
		if err != nil {
			return err
		}
		t, err := tx.Tenant(p.Tenant)
		if err != nil {
			return err
		}
		before, err := json.Marshal(t.School)
		if err != nil {
			return err
		}
		if t.School, err = readSchool(t.School, document); err != nil {
			return err
		}
		after, err := json.Marshal(t.School)
		if err != nil {
			return err
		}
		t.Version++
		told := audit.Event{ID: store.NewID("aud"), Tenant: string(t.ID), At: c.Now(), Actor: Operator(), Action: audit.PlatformChange, Object: string(t.ID)}
		return tx.SaveTenant(t, told, audit.NewDetail(map[string]string{"before": string(before), "after": string(after), "reason": reason}))
	})
}

// platformNamed finds a platform, or the words for an operator who mistyped.
func platformNamed(tx *store.Tx, name string) (store.Platform, error) {
	p, err := tx.PlatformNamed(name)
	if !errors.Is(err, access.ErrNotFound) {
		return p, err
	}
	all, err := tx.Platforms()
	if err != nil {
		return p, err
	}
	var names []string
	for _, p := range all {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	if len(names) == 0 {
		return p, usage("no platform is registered yet; platform add registers one")
	}
	return p, usage("no platform is named %q; there is: %s", name, strings.Join(names, ", "))
}
