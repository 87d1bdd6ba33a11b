package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/config"
	"github.com/tokendesk/tokendesk/internal/store"
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

// Doctor checks configuration, database, keys, mail and proxies, and for each
// platform that is not switched off (or only the one named) its key set and the
// credential for its API, by calls that change nothing. What it found is handed
// to tell, line by line, as it finds it. It reports whether nothing failed.
func Doctor(ctx context.Context, cfg config.Config, o Options, platform string, tell func(Check)) bool {
	d := &doctor{tell: tell, fine: true}
	if err := cfg.CheckServe(); err != nil {
		d.say("configuration", err, "")
	} else {
		d.say("configuration", nil, cfg.PublicURL)
	}
	a, err := Open(ctx, cfg, o)
	if err != nil {
		d.say("database", err, "")
		return d.fine
	}
	defer func() { _ = a.Close() }()
	d.database(ctx, a)
	d.mail(ctx, a)
	if !d.schema {
		return d.fine
	}
	d.keys(ctx, a)
	d.forwards(ctx, a)
	d.platforms(ctx, a, platform)
	return d.fine
}

type doctor struct {
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

func (d *doctor) database(ctx context.Context, a *App) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	kind := "PostgreSQL"
	if a.cfg.IsSQLite() {
		kind = "SQLite"
	}
	err := a.Usable(ctx)
	d.schema = err == nil
	d.say("database", err, kind+", schema of this version")
}

func (d *doctor) mail(ctx context.Context, a *App) {
	if a.mail == nil {
		d.note("mail", "off: TOKENDESK_SMTP_URL is not set, so people are told in the Canvas inbox only")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	d.say("mail", checkMail(ctx, a.cfg), "the server answers and accepts the sign-in; nothing was sent")
}

func (d *doctor) keys(ctx context.Context, a *App) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	all, err := a.keys.States(ctx)
	switch {
	case err != nil:
		d.say("signing keys", err, "")
	case len(all) == 0:
		d.note("signing keys", "none yet: the first start makes one")
	default:
		d.say("signing keys", nil, fmt.Sprintf("%d, all of which the master key opens", len(all)))
	}
}

func (d *doctor) platforms(ctx context.Context, a *App, name string) {
	all, err := a.Operate.Platforms(ctx)
	everybody := all
	if err == nil && name != "" {
		var p store.Platform
		p, err = a.Operate.Platform(ctx, name)
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
		d.keySet(ctx, a, p)
		d.canvas(ctx, a, p)
	}
}

// keySet asks for a key that cannot exist: the answer tells whether the set can
// be had.
func (d *doctor) keySet(ctx context.Context, a *App, p store.Platform) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	sets := &lti.KeySets{Client: a.guard.Client(), Log: a.Log}
	_, err := sets.Key(ctx, p.Registration.KeySetURL, "tokendesk doctor")
	if errors.Is(err, lti.ErrKeyUnknown) {
		err = nil
	}
	d.say(p.Name+": key set", err, p.Registration.KeySetURL)
}
