package lti

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// maxAnswer bounds, in bytes, what is read of any answer.
const maxAnswer = 1 << 20

// callTimeout bounds one call, whatever the caller's context allows.
const callTimeout = 10 * time.Second

// answer is a response that was read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// call sends a request by a copy of client that follows redirects within one
// origin only, or (if the request carries a credential) none at all. Errors
// never contain the URL's query.
func call(client *http.Client, req *http.Request, redirects bool) (answer, error) {
	if client == nil {
		client = new(http.Client)
	}
	ctx, cancel := context.WithTimeout(req.Context(), callTimeout)
	defer cancel()
	req = req.WithContext(ctx)
	first := origin(req.URL)
	c := *client
	c.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		switch {
		case !redirects:
			return http.ErrUseLastResponse
		case origin(next.URL) != first:
			return errors.New("redirect to another host refused")
		case len(via) > 3:
			return errors.New("too many redirects")
		}
		return nil
	}
	res, err := c.Do(req)
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: %w", req.Method, first+req.URL.Path, bare(err))
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return answer{}, fmt.Errorf("%s %s: %w", req.Method, first+req.URL.Path, bare(err))
	case len(body) > maxAnswer:
		return answer{}, fmt.Errorf("%s %s: answer is larger than %d bytes", req.Method, first+req.URL.Path, maxAnswer)
	}
	return answer{status: res.StatusCode, header: res.Header, body: body}, nil
}

// bare takes the URL, whose query may be a secret, off an error of net/http.
func bare(err error) error {
	var withURL *url.Error
	if errors.As(err, &withURL) {
		return withURL.Err
	}
	return err
}
