// Package doctor is the checks that an operator runs: does this configuration, with
// this database, these keys, this mail server and these Canvases, do what it must?
package doctor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/config"
	"github.com/tokendesk/tokendesk/internal/credential"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/toolkeys"
	"github.com/tokendesk/tokendesk/lti"
)

// Outcome is how one check of doctor ended.
type Outcome string

// The outcomes. A Note asks somebody to look; it is no failure.
const (
	Good   Outcome = "ok"
	Note   Outcome = "note"
	Failed Outcome = "FAIL"
)

// Check is one line of doctor: what was looked at, and what was found.
type Check struct {
	What    string
	Outcome Outcome
	Found   string
}

// checkTime bounds one check.
const checkTime = 20 * time.Second

// Program is what doctor looks at: parts of the program, as a server has them.
// All of it is needed.
type Program struct {
	Store  *store.Store
	Keys   *toolkeys.Keys
	Canvas *credential.Clients
	HTTP   *http.Client // through the guarded dialler
	// Usable reports whether the database has this program's schema, in words that
	// say what to do.
	Usable func(ctx context.Context) error
	// Platform finds the platform an operator named, or says what there is.
	Platform func(ctx context.Context, name string) (store.Platform, error)
	Now      func() time.Time
	Log      *slog.Logger
	Close    func() error
}

// Run checks configuration, database, keys, mail and proxies, and for each
// platform that is not switched off (or only the one named) its key set and the
// credential for its API, by calls that change nothing. open makes the program of
// that configuration; Run closes it. What it found is handed to tell, line by line,
// as it finds it. It reports whether nothing failed.
func Run(ctx context.Context, cfg config.Config, open func(ctx context.Context) (*Program, error), platform string, tell func(Check)) bool {
	d := &doctor{cfg: cfg, tell: tell, fine: true}
	if err := cfg.CheckServe(); err != nil {
		d.say("configuration", err, "")
	} else {
		d.say("configuration", nil, cfg.PublicURL)
	}
	p, err := open(ctx)
	if err != nil {
		d.say("database", err, "")
		return d.fine
	}
	defer func() { _ = p.Close() }()
	d.database(ctx, p)
	d.mail(ctx)
	if !d.schema {
		return d.fine
	}
	d.keys(ctx, p)
	d.forwards(ctx, p)
	d.platforms(ctx, p, platform)
	return d.fine
}

type doctor struct {
	cfg    config.Config
	tell   func(Check)
	fine   bool
	schema bool // the database can be read
}

// say tells a check that ended well, with what was found, or failed.
func (d *doctor) say(what string, err error, found string) {
	if err != nil {
		d.fine = false
		d.tell(Check{what, Failed, oneLine(err)})
		return
	}
	d.tell(Check{what, Good, found})
}

func (d *doctor) note(what, found string) { d.tell(Check{what, Note, found}) }

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

func (d *doctor) database(ctx context.Context, in *Program) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	kind := "PostgreSQL"
	if d.cfg.IsSQLite() {
		kind = "SQLite"
	}
	err := in.Usable(ctx)
	d.schema = err == nil
	d.say("database", err, kind+", schema of this version")
	if err != nil {
		return
	}
	switch search, err := in.Store.Search(ctx); {
	case err != nil:
		d.say("search", err, "")
	case search.Advice() != "":
		d.note("search", search.Advice())
	}
}

func (d *doctor) mail(ctx context.Context) {
	if d.cfg.SMTP.IsZero() {
		d.note("mail", "off: TOKENDESK_SMTP_URL is not set, so people are told in the Canvas inbox only")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	d.say("mail", checkMail(ctx, d.cfg), "the server answers and accepts the sign-in; nothing was sent")
}

func (d *doctor) keys(ctx context.Context, in *Program) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	all, err := in.Keys.States(ctx)
	switch {
	case err != nil:
		d.say("signing keys", err, "")
	case len(all) == 0:
		d.note("signing keys", "none yet: the first start makes one")
	default:
		d.say("signing keys", nil, fmt.Sprintf("%d, all of which the master key opens", len(all)))
	}
}

func (d *doctor) platforms(ctx context.Context, in *Program, name string) {
	all, err := in.platforms(ctx)
	everybody := all
	if err == nil && name != "" {
		var p store.Platform
		p, err = in.Platform(ctx, name)
		all = []store.Platform{p}
	}
	switch {
	case err != nil:
		d.say("platforms", err, "")
	case len(all) == 0:
		d.note("platforms", "none is registered; platform add registers one")
	}
	if err != nil {
		return
	}
	for _, p := range all {
		if p.Disabled {
			d.note(p.Name, "switched off; not checked")
			continue
		}
		d.setup(p)
		d.environments(p, everybody)
		d.keySet(ctx, in, p)
		d.canvas(ctx, in, p)
	}
}

// keySet asks for a key that cannot exist: the answer tells whether the set can
// be had.
func (d *doctor) keySet(ctx context.Context, in *Program, p store.Platform) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	sets := &lti.KeySets{Client: in.HTTP, Log: in.Log}
	_, err := sets.Key(ctx, p.Registration.KeySetURL, "tokendesk doctor")
	if errors.Is(err, lti.ErrKeyUnknown) {
		err = nil
	}
	d.say(p.Name+": key set", err, p.Registration.KeySetURL)
}

// platforms are all registrations, oldest first.
func (p *Program) platforms(ctx context.Context) (all []store.Platform, err error) {
	err = p.Store.Read(ctx, func(tx *store.Tx) error {
		all, err = tx.Platforms()
		return err
	})
	return all, err
}
