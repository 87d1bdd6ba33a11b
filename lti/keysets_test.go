package lti

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// keyServer answers fetches inside a synctest bubble, without a socket.
type keyServer struct {
	mu      sync.Mutex
	body    []byte
	status  int
	control string
	err     error
	delay   time.Duration
	fetches int
}

func (s *keyServer) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.fetches++
	body, status, control, err, delay := s.body, s.status, s.control, s.err, s.delay
	s.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{"Cache-Control": {control}}, Request: req,
		Body: io.NopCloser(strings.NewReader(string(body))),
	}, nil
}

func (s *keyServer) change(edit func(*keyServer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	edit(s)
}

func (s *keyServer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetches
}

func publish(tb testing.TB, ids ...string) []byte {
	tb.Helper()
	var keys []PublicKey
	for _, id := range ids {
		keys = append(keys, PublicKey{ID: id, Key: &keyA().PublicKey})
	}
	body, err := KeySet(keys...)
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

const keysURL = "https://sso.example.edu/jwks"

// bubble has virtual time, a key server with key "a" for an hour, and key sets
// that fetch from it.
type bubble struct {
	*testing.T
	server *keyServer
	keys   *KeySets
}

func inBubble(t *testing.T, f func(in bubble)) {
	t.Helper()
	body := publish(t, "a")
	synctest.Test(t, func(t *testing.T) {
		s := &keyServer{body: body, status: 200, control: "public, max-age=3600"}
		f(bubble{t, s, &KeySets{Client: &http.Client{Transport: s}, Log: slog.New(slog.DiscardHandler)}})
	})
}

func wantKey(t *testing.T, k *KeySets, id string, want error) {
	t.Helper()
	key, err := k.Key(t.Context(), keysURL, id)
	if !errors.Is(err, want) || (err == nil) != (key != nil) {
		t.Fatalf("Key(%s) = %v, %v; want %v", id, key != nil, err, want)
	}
}

func TestAKeySetIsKeptForItsMaxAge(t *testing.T) {
	inBubble(t, func(in bubble) {
		t, s, k := in.T, in.server, in.keys
		for range 10 {
			wantKey(t, k, "a", nil)
		}
		time.Sleep(59 * time.Minute)
		wantKey(t, k, "a", nil)
		if s.count() != 1 {
			t.Fatalf("%d fetches within max-age", s.count())
		}
		time.Sleep(2 * time.Minute)
		s.change(func(s *keyServer) { s.body = publish(t, "b") })
		wantKey(t, k, "a", ErrKeyUnknown) // taken away by the platform
		wantKey(t, k, "b", nil)
	})
}

func TestMaxAgeIsBounded(t *testing.T) {
	for control, want := range map[string]time.Duration{
		"max-age=864000":           24 * time.Hour,
		"max-age=9999999999":       24 * time.Hour,
		"max-age=0":                time.Minute,
		"no-store":                 time.Minute,
		"":                         time.Hour,
		"private, Max-Age=\"600\"": 10 * time.Minute,
		"max-age=soon":             time.Minute,
		"max-age=-5":               time.Minute,
	} {
		t.Run(control, func(t *testing.T) {
			inBubble(t, func(in bubble) {
				t, s, k := in.T, in.server, in.keys
				s.control = control
				wantKey(t, k, "a", nil)
				time.Sleep(want - 1)
				wantKey(t, k, "a", nil)
				if s.count() != 1 {
					t.Fatalf("%d fetches before %v", s.count(), want)
				}
				time.Sleep(time.Nanosecond)
				wantKey(t, k, "a", nil)
				if s.count() != 2 {
					t.Fatalf("%d fetches after %v", s.count(), want)
				}
			})
		})
	}
}

// How long callers wait for a fetch, how soon another may follow, and how long
// a set that cannot be fetched anew is used.
func TestTheTimesOfAKeySet(t *testing.T) {
	inBubble(t, func(in bubble) {
		t, s, k := in.T, in.server, in.keys
		wantKey(t, k, "a", nil) // for an hour
		ask := func(what, id string, want error, waits time.Duration, fetches int) {
			t.Helper()
			begin := time.Now()
			wantKey(t, k, id, want)
			synctest.Wait() // a fetch that nobody waits for has begun
			if waited := time.Since(begin); waited != waits || s.count() != fetches {
				t.Errorf("%s: it waited %v, want %v; %d fetches, want %d", what, waited, waits, s.count(), fetches)
			}
		}
		ask("within the interval", "b", ErrKeyUnknown, 5*time.Second, 2)
		s.change(func(s *keyServer) { s.delay = time.Hour })
		time.Sleep(time.Hour - 1)
		ask("until it is over", "a", nil, 0, 2)
		time.Sleep(time.Nanosecond)
		ask("the platform hangs", "a", nil, 5*time.Second, 3)
		ask("it is known to hang", "a", nil, 0, 4)
		s.change(func(s *keyServer) { s.delay, s.err = 0, errors.New("connection refused") })
		time.Sleep(7*24*time.Hour - 5*time.Second - 1)
		ask("a week after it was over", "a", nil, 0, 5)
		time.Sleep(time.Nanosecond)
		ask("and no longer", "a", ErrKeySetUnavailable, 5*time.Second-1, 6)
	})
}

func TestANewKeyIsFoundAtOnce(t *testing.T) {
	inBubble(t, func(in bubble) {
		t, s, k := in.T, in.server, in.keys
		wantKey(t, k, "a", nil)
		time.Sleep(time.Minute)
		s.change(func(s *keyServer) { s.body = publish(t, "a", "b") })
		begin := time.Now()
		wantKey(t, k, "b", nil)
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("waited %v", waited)
		}
	})
}

// TestGuessingDoesNotFlood sends unknown kids from fifty callers for ten minutes.
// The platform sees three fetches, five seconds apart, and then one a minute. A key
// that appears in the middle of it is known within that minute, nobody is kept
// waiting for it, and the keys that are known are never in doubt.
func TestGuessingDoesNotFlood(t *testing.T) {
	inBubble(t, func(in bubble) {
		t, s, k := in.T, in.server, in.keys
		wantKey(t, k, "a", nil)
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
		defer stop()
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					began := time.Now()
					_, _ = k.Key(ctx, keysURL, fmt.Sprintf("guess-%d-%d", i, n))
					if waited := time.Since(began); waited > 5*time.Second {
						t.Errorf("waited %v", waited)
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		time.Sleep(30 * time.Second)
		if n := s.count(); n != 1+3 {
			t.Errorf("%d fetches in half a minute", n)
		}
		time.Sleep(4 * time.Minute)
		if n := s.count(); n != 1+3+4 {
			t.Errorf("%d fetches in four minutes and a half", n)
		}
		s.change(func(s *keyServer) { s.body = publish(t, "a", "b") })
		begin := time.Now()
		for {
			_, err := k.Key(t.Context(), keysURL, "b")
			if err == nil {
				break
			}
			time.Sleep(time.Second)
		}
		if waited := time.Since(begin); waited > time.Minute {
			t.Errorf("a new key is known after %v", waited)
		}
		wantKey(t, k, "a", nil)
		// The set has changed: the next kids that it does not have are asked for at
		// once again, three times.
		n := s.count()
		time.Sleep(16 * time.Second)
		if n := s.count() - n; n != 3 {
			t.Errorf("%d fetches after a change of the set", n)
		}
		wg.Wait()
		if n := s.count(); n > 1+3+10+3 {
			t.Errorf("%d fetches in ten minutes", n)
		}
	})
}

// Whoever comes long after some guesses is the first to ask, and need not wait.
func TestAfterVainFetches(t *testing.T) {
	inBubble(t, func(in bubble) {
		t, s, k := in.T, in.server, in.keys
		wantKey(t, k, "a", nil)
		at := func(fetches int) {
			t.Helper()
			if n := s.count(); n != fetches {
				t.Fatalf("%d fetches, want %d", n, fetches)
			}
		}
		for i := range 3 {
			time.Sleep(10 * time.Second)
			wantKey(t, k, "guess", ErrKeyUnknown)
			at(2 + i)
		}
		time.Sleep(10 * time.Second)
		s.change(func(s *keyServer) { s.body = publish(t, "a", "b") })
		wantKey(t, k, "b", ErrKeyUnknown)
		at(4)
		time.Sleep(50 * time.Second)
		wantKey(t, k, "b", nil)
		at(5)
		// The first one after that change is asked for at once.
		s.change(func(s *keyServer) { s.body = publish(t, "b", "c") })
		time.Sleep(6 * time.Second)
		wantKey(t, k, "c", nil)
		at(6)
		// An outage brings nothing new either, and answers as what it is.
		s.change(func(s *keyServer) { s.err = errors.New("connection refused") })
		for range 6 {
			time.Sleep(6 * time.Second)
			wantKey(t, k, "guess", ErrKeySetUnavailable)
		}
		at(9)
		// A set that has run out is fetched for those that it has, guesses or not.
		s.change(func(s *keyServer) { s.err, s.control = nil, "max-age=60" })
		time.Sleep(time.Hour)
		wantKey(t, k, "guess", ErrKeyUnknown)
		at(10)
		time.Sleep(61 * time.Second)
		wantKey(t, k, "c", nil)
		at(11)
		time.Sleep(30 * time.Second)
		wantKey(t, k, "guess", ErrKeyUnknown)
		at(11)
	})
}

func TestTooManyWaitersAreTurnedAway(t *testing.T) {
	inBubble(t, func(in bubble) {
		t, s, k := in.T, in.server, in.keys
		wantKey(t, k, "a", nil)
		wantKey(t, k, "guess", ErrKeyUnknown) // waits for its turn, then asks
		var turnedAway, answered atomic.Int32
		var wg sync.WaitGroup
		begin := time.Now()
		for range 3 * maxWaiting {
			wg.Go(func() {
				_, err := k.Key(t.Context(), keysURL, "guess")
				if !errors.Is(err, ErrKeyUnknown) {
					t.Error(err)
				}
				if time.Since(begin) == 0 {
					turnedAway.Add(1)
				} else {
					answered.Add(1)
				}
			})
		}
		wg.Wait()
		if turnedAway.Load() != 2*maxWaiting || answered.Load() != maxWaiting || s.count() != 3 {
			t.Errorf("%d turned away, %d answered, %d fetches", turnedAway.Load(), answered.Load(), s.count())
		}
	})
}

func TestSimultaneousCallersShareAFetch(t *testing.T) {
	inBubble(t, func(in bubble) {
		t, s, k := in.T, in.server, in.keys
		s.delay = time.Second
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { wantKey(t, k, "a", nil) })
		}
		wg.Wait()
		if s.count() != 1 {
			t.Errorf("%d fetches", s.count())
		}
	})
}

func TestACallerWhoLeavesDoesNotEndTheFetch(t *testing.T) {
	inBubble(t, func(in bubble) {
		t, s, k := in.T, in.server, in.keys
		s.delay = time.Second
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		if _, err := k.Key(ctx, keysURL, "a"); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		wantKey(t, k, "a", nil)
		if s.count() != 1 {
			t.Errorf("%d fetches", s.count())
		}
	})
}

func TestTheLastGoodSetOutlivesAnOutage(t *testing.T) {
	for name, fault := range map[string]func(*keyServer){
		"the platform is unreachable":  func(s *keyServer) { s.err = errors.New("connection refused") },
		"the platform answers 500":     func(s *keyServer) { s.status = 500 },
		"the platform answers a page":  func(s *keyServer) { s.body = []byte("<html>maintenance</html>") },
		"the platform answers no keys": func(s *keyServer) { s.body = []byte(`{"keys":[]}`) },
		"the platform answers 2 MB":    func(s *keyServer) { s.body = make([]byte, 2<<20) },
		"the platform hangs":           func(s *keyServer) { s.delay = time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(in bubble) {
				t, s, k := in.T, in.server, in.keys
				wantKey(t, k, "a", nil)
				s.change(fault)
				time.Sleep(2 * time.Hour)
				wantKey(t, k, "a", nil) // the first one may wait for the fetch to fail
				before := s.count()
				begin := time.Now()
				for range 600 {
					wantKey(t, k, "a", nil)
					time.Sleep(100 * time.Millisecond)
				}
				if waited := time.Since(begin) - time.Minute; waited != 0 {
					t.Errorf("launches waited %v in all", waited)
				}
				if n := s.count() - before; n > 13 {
					t.Errorf("%d fetches in a minute", n)
				}
				wantKey(t, k, "b", ErrKeySetUnavailable)
				time.Sleep(8 * 24 * time.Hour)
				wantKey(t, k, "a", ErrKeySetUnavailable)
				s.change(func(s *keyServer) { s.body, s.status, s.err, s.delay = publish(t, "a", "b"), 200, nil, 0 })
				time.Sleep(6 * time.Second)
				wantKey(t, k, "a", nil)
				wantKey(t, k, "b", nil)
			})
		})
	}
}

func TestAPlatformThatIsDownFromTheStart(t *testing.T) {
	inBubble(t, func(in bubble) {
		t, s, k := in.T, in.server, in.keys
		s.err = errors.New("connection refused")
		for range 50 {
			wantKey(t, k, "a", ErrKeySetUnavailable)
			time.Sleep(100 * time.Millisecond)
		}
		if s.count() > 2 {
			t.Errorf("%d fetches in five seconds", s.count())
		}
		s.change(func(s *keyServer) { s.err = nil })
		time.Sleep(5 * time.Second)
		wantKey(t, k, "a", nil)
	})
}

func TestKeySetRedirects(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int32
	other := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		elsewhere.Add(1)
		_, _ = w.Write(publish(t, "a"))
	}))
	t.Cleanup(other.Close)
	mux := http.NewServeMux()
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("/jwks", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(publish(t, "a")) })
	mux.HandleFunc("/here", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/jwks", http.StatusFound) })
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/there", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusFound)
	})
	mux.HandleFunc("/plain", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.Replace(server.URL, "https:", "http:", 1)+"/jwks", http.StatusFound)
	})
	k := &KeySets{Client: server.Client(), Log: slog.New(slog.DiscardHandler)}
	for path, want := range map[string]error{
		"/jwks": nil, "/here": nil, "/there": ErrKeySetUnavailable, "/plain": ErrKeySetUnavailable, "/loop": ErrKeySetUnavailable,
	} {
		if _, err := k.Key(t.Context(), server.URL+path, "a"); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
	if elsewhere.Load() != 0 {
		t.Error("another host was asked")
	}
	for _, url := range []string{"http://sso.example.edu/jwks", "ftp://x/y", "", "https://user:pw@sso.example.edu/", "%"} {
		if _, err := k.Key(t.Context(), url, "a"); !errors.Is(err, ErrKeySetUnavailable) {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestAPlatformWithoutKeysIsARefusal(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.mu.Lock()
	b.keySet = []byte("down for maintenance")
	b.mu.Unlock()
	br := b.browser(t)
	r := br.launch(br.login(), nil)
	r.refused(t, ReasonKeySet)
	if strings.Contains(string(r.body), "maintenance") {
		t.Errorf("page: %s", r.body)
	}
}

func TestRotationThroughLaunches(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	br := b.browser(t)
	br.launch(br.login(), nil).launched(t)
	next := func(kid string) string {
		login := br.login()
		h := goodHeader()
		h["kid"] = kid
		payload, _ := json.Marshal(claimSet(login.nonce(), login.target, b.now()))
		r := br.launchToken(login, sign(t, keyB(), h, payload))
		return r.refusal.Code
	}
	if got := next("2026-01-01T00:00:00Z"); got != string(ReasonKeyUnknown) {
		t.Fatalf("before the rotation: %q", got)
	}
	b.publish(t, PublicKey{testKeyID, &keyA().PublicKey}, PublicKey{"2026-01-01T00:00:00Z", &keyB().PublicKey})
	if got := next("2026-01-01T00:00:00Z"); got != "" {
		t.Fatalf("after the rotation: %q", got)
	}
	br.launch(br.login(), nil).launched(t)
}

func TestParseKeySet(t *testing.T) {
	t.Parallel()
	good := func(id string) map[string]any {
		raw, _ := json.Marshal(encodeKey(id, &keyA().PublicKey))
		var k map[string]any
		_ = json.Unmarshal(raw, &k)
		return k
	}
	with := func(id, name string, value any) map[string]any {
		k := good(id)
		k[name] = value
		return k
	}
	foreign := encodeKey("x", &keyB().PublicKey)
	tests := map[string]struct {
		keys []any
		want error // of key "x"
	}{
		"a plain key":                     {[]any{good("x")}, nil},
		"without alg and use":             {[]any{with("x", "alg", ""), good("z")}, nil},
		"the same key twice":              {[]any{good("x"), good("x")}, nil},
		"for encryption":                  {[]any{with("x", "use", "enc")}, ErrKeyUnknown},
		"for RS512":                       {[]any{with("x", "alg", "RS512")}, ErrKeyUnknown},
		"for HS256":                       {[]any{with("x", "alg", "HS256")}, ErrKeyUnknown},
		"an operation other than verify":  {[]any{with("x", "key_ops", []any{"sign"})}, ErrKeyUnknown},
		"an operation verify":             {[]any{with("x", "key_ops", []any{"verify"})}, nil},
		"published with its private part": {[]any{with("x", "d", "AQAB")}, ErrKeyUnknown},
		"a symmetric key":                 {[]any{map[string]any{"kty": "oct", "kid": "x", "k": "c2VjcmV0"}}, ErrKeyUnknown},
		"RSA with a symmetric part":       {[]any{with("x", "k", "c2VjcmV0")}, ErrKeyUnknown},
		"an elliptic key":                 {[]any{map[string]any{"kty": "EC", "kid": "x", "crv": "P-256", "x": "AA", "y": "AA"}}, ErrKeyUnknown},
		"below 2048 bits":                 {[]any{encodeKey("x", &keySmall().PublicKey)}, ErrKeyUnknown},
		"an even exponent":                {[]any{with("x", "e", "BA")}, ErrKeyUnknown},
		"the exponent one":                {[]any{with("x", "e", "AQ")}, ErrKeyUnknown},
		"an exponent of five bytes":       {[]any{with("x", "e", "AQAAAAE")}, ErrKeyUnknown},
		"an exponent of 32 bits":          {[]any{with("x", "e", "_____w")}, ErrKeyUnknown},
		"no exponent":                     {[]any{with("x", "e", "")}, ErrKeyUnknown},
		"no modulus":                      {[]any{with("x", "n", "")}, ErrKeyUnknown},
		"a modulus that is not base64":    {[]any{with("x", "n", "!!")}, ErrKeyUnknown},
		"a modulus that is a number":      {[]any{with("x", "n", 5)}, ErrKeyUnknown},
		"an even modulus":                 {[]any{with("x", "n", base64url(append(make([]byte, 0), evenModulus()...)))}, ErrKeyUnknown},
		"a modulus of 16384 bits":         {[]any{with("x", "n", base64url(hugeModulus()))}, ErrKeyUnknown},
		"two keys of one id":              {[]any{good("x"), foreign}, ErrKeyAmbiguous},
		"an elliptic key of the same id":  {[]any{good("x"), map[string]any{"kty": "EC", "kid": "x"}}, ErrKeyAmbiguous},
		"a symmetric key of the same id":  {[]any{map[string]any{"kty": "oct", "kid": "x", "k": "AA"}, good("x")}, ErrKeyAmbiguous},
		"three keys of one id, two alike": {[]any{good("x"), foreign, good("x")}, ErrKeyAmbiguous},
		"rubbish beside it":               {[]any{nil, "text", 5, map[string]any{"kid": 7}, good("x")}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, err := json.Marshal(map[string]any{"keys": append(tt.keys, good("other"))})
			if err != nil {
				t.Fatal(err)
			}
			keys, err := parseKeySet(body)
			if err != nil {
				t.Fatal(err)
			}
			k, ok := keys["x"]
			_, err = k.usable()
			if !ok {
				err = ErrKeyUnknown
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("key x: %v, want %v", err, tt.want)
			}
			if _, err := keys["other"].usable(); err != nil {
				t.Errorf("the good key beside it: %v", err)
			}
		})
	}
	for _, body := range []string{"", "null", "[]", "{}", `{"keys":{}}`, `{"keys":null}`, `{"keys":[{"kty":"RSA","kid":"x"}]}`, `{"keys":[` + strings.Repeat("{},", 200) + `{}]}`} {
		if _, err := parseKeySet([]byte(body)); err == nil {
			t.Errorf("%.30q is a key set", body)
		}
	}
}

func evenModulus() []byte {
	n := keyA().N.Bytes()
	n[len(n)-1] &^= 1
	return n
}

func hugeModulus() []byte {
	n := make([]byte, 2048)
	for i := range n {
		n[i] = 0xff
	}
	return n
}
