// Package credential is the program's access to each school's Canvas: the sealed
// credential, the client that signs with it, the OAuth access token that all
// replicas share, and the daily look at whether it still works.
package credential

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Clients keeps one client for each platform, so that connections and OAuth
// access tokens are used again. A platform whose address or credential changed
// gets a new one. Several may use it at once. All but Sleep and Observer is needed.
type Clients struct {
	Store *store.Store
	Box   *secret.Box
	HTTP  *http.Client
	Now   func() time.Time
	// Sleep waits by Now, or returns the error of ctx; the real time if nil.
	Sleep func(ctx context.Context, d time.Duration) error
	// Clean is canvas.Config's: it makes what people wrote in Canvas fit to be shown.
	Clean func(string) string
	Log   *slog.Logger
	// Observer is canvas.Config's, of every client.
	Observer canvas.Observer

	mu  sync.Mutex
	all map[string]madeClient
}

type madeClient struct {
	of     [sha256.Size]byte
	client *canvas.Client
	oauth  *oauthSource // nil for an admin's token
}

// Of returns the client of a platform's REST API. It calls nobody. It is an error
// where the platform has no address or no credential, or where the master key does
// not open that.
func (c *Clients) Of(p store.Platform) (*canvas.Client, error) {
	made, err := c.made(p)
	return made.client, err
}

// Renew exchanges the refresh token of a platform's credential now, also where its
// access token is good, and reports whether it has one: an admin's token is left as
// it is.
func (c *Clients) Renew(ctx context.Context, p store.Platform) (oauth bool, err error) {
	made, err := c.made(p)
	if err != nil || made.oauth == nil {
		return false, err
	}
	return true, made.oauth.renew(ctx)
}

func (c *Clients) made(p store.Platform) (madeClient, error) {
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
	opened, err := open(c.Box, p.ID, p.Credential)
	if err != nil {
		return madeClient{}, fmt.Errorf("the credential of %s: %w", p.Name, err)
	}
	made := madeClient{of: sum}
	token := func(context.Context) (secret.Text, error) { return opened.Token, nil }
	if opened.Token.IsZero() {
		wait := c.Sleep
		if wait == nil {
			wait = sleep
		}
		made.oauth = &oauthSource{
			store: c.Store, box: c.Box, platform: p, credential: opened, client: c.HTTP, url: p.CanvasURLs[0] + "/login/oauth2/token",
			now: c.Now, sleep: wait, log: c.Log, busy: make(chan struct{}, 1),
		}
		token = made.oauth.token
	}
	refused := &refusal{of: c, platform: p, oauth: made.oauth}
	made.client = canvas.New(canvas.Config{
		BaseURL: p.CanvasURLs[0], Credential: token, Refused: refused.note, HTTP: c.HTTP, Now: c.Now, Log: c.Log,
		Clean: c.Clean, Observer: c.Observer,
	})
	if c.all == nil {
		c.all = map[string]madeClient{}
	}
	c.all[p.ID] = made
	return made, nil
}
