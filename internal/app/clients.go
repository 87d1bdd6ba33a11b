package app

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/egress"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/text"
)

// clients keeps one client for each platform, so that connections and OAuth
// access tokens are used again. A platform whose address or credential changed
// gets a new one.
type clients struct {
	store *store.Store
	box   *secret.Box
	http  *http.Client
	now   func() time.Time
	sleep func(ctx context.Context, d time.Duration) error
	log   *slog.Logger

	mu  sync.Mutex
	all map[string]madeClient
}

type madeClient struct {
	of     [sha256.Size]byte
	client *canvas.Client
	oauth  *oauthSource // nil for an admin's token
}

// of returns the client of a platform's REST API.
func (c *clients) of(p store.Platform) (*canvas.Client, error) {
	made, err := c.made(p)
	return made.client, err
}

func (c *clients) made(p store.Platform) (madeClient, error) {
	if len(p.CanvasURLs) == 0 {
		return madeClient{}, errors.New("no Canvas address is registered")
	}
	if len(p.Credential) == 0 {
		return madeClient{}, fmt.Errorf("no credential is stored for %s; platform credential stores one", p.Name)
	}
	sum := sha256.Sum256([]byte(p.CanvasURLs[0] + "\x00" + string(p.Credential)))
	c.mu.Lock()
	defer c.mu.Unlock()
	if made, ok := c.all[p.ID]; ok && made.of == sum {
		return made, nil
	}
	credential, err := openCredential(c.box, p.ID, p.Credential)
	if err != nil {
		return madeClient{}, fmt.Errorf("the credential of %s: %w", p.Name, err)
	}
	made := madeClient{of: sum}
	token := func(context.Context) (secret.Text, error) { return credential.Token, nil }
	if credential.Token.IsZero() {
		made.oauth = &oauthSource{
			store: c.store, box: c.box, platform: p, credential: credential, client: c.http, url: p.CanvasURLs[0] + "/login/oauth2/token",
			now: c.now, sleep: c.sleep, log: c.log, busy: make(chan struct{}, 1),
		}
		token = made.oauth.token
	}
	refused := &refusal{app: c, platform: p, oauth: made.oauth}
	made.client = canvas.New(canvas.Config{
		BaseURL: p.CanvasURLs[0], Credential: token, Refused: refused.note, HTTP: c.http, Now: c.now, Log: c.log,
		Clean: text.Line,
	})
	if c.all == nil {
		c.all = map[string]madeClient{}
	}
	c.all[p.ID] = made
	return made, nil
}

// ways are how a platform's people are told: the Canvas inbox, and mail where
// the program has it.
func (a *App) ways(_ store.Platform, client *canvas.Client) []notify.Way {
	ways := []notify.Way{notify.Inbox{Client: client}}
	if a.mail != nil {
		ways = append(ways, a.mail)
	}
	return ways
}

// privateAge is how long the list of hosts is kept.
const privateAge = time.Minute

// privateHosts are the hosts of registrations made with -allow-private, which
// may have private addresses. Nobody else's may.
type privateHosts struct {
	store *store.Store
	now   func() time.Time
	log   *slog.Logger

	mu    sync.Mutex
	at    time.Time
	hosts map[string]bool
}

// has reports whether a host may have a private address. What cannot be read
// is no.
func (p *privateHosts) has(host string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if age := p.now().Sub(p.at); p.at.IsZero() || age < 0 || age >= privateAge {
		hosts, err := p.read()
		if err != nil {
			p.log.Error("the registrations could not be read; no private address is reached", "err", err)
			return false
		}
		p.hosts, p.at = hosts, p.now()
	}
	return p.hosts[strings.ToLower(host)]
}

// forget makes the next question read the registrations anew.
func (p *privateHosts) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = time.Time{}
}

func (p *privateHosts) read() (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), egress.DialTimeout)
	defer cancel()
	hosts := map[string]bool{}
	err := p.store.Read(ctx, func(tx *store.Tx) error {
		all, err := tx.Platforms()
		for _, one := range all {
			if !one.AllowPrivate || one.Disabled {
				continue
			}
			for _, raw := range append([]string{one.Registration.TokenURL, one.Registration.KeySetURL}, one.CanvasURLs...) {
				if u, err := url.Parse(raw); err == nil {
					hosts[strings.ToLower(u.Hostname())] = true
				}
			}
		}
		return err
	})
	return hosts, err
}
