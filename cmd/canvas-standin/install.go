package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

// install waits for the tool to publish its key configuration, installs it at
// the root account as an admin would by hand, and prints what the tool must be
// told in return.
func install(ctx context.Context, w io.Writer, canvas *canvastest.Server, toolURL string) {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	complained := ""
	for {
		err := installOnce(ctx, w, canvas, toolURL)
		if err == nil {
			return
		}
		if text := err.Error(); text != complained && ctx.Err() == nil {
			complained = text
			fmt.Fprintf(w, "\nTool not installed yet, trying again every 2 seconds: %s\n", text)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func installOnce(ctx context.Context, w io.Writer, canvas *canvastest.Server, toolURL string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, toolURL+"/lti/config.json", nil)
	if err != nil {
		return fmt.Errorf("-tool-url: %w", err)
	}
	resp, err := canvas.Client().Do(req)
	if err != nil {
		return fmt.Errorf("%s/lti/config.json does not answer", toolURL)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s/lti/config.json answers %d", toolURL, resp.StatusCode)
	}
	config, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("%s/lti/config.json cannot be read", toolURL)
	}
	tool, err := canvastest.ToolFromConfig(config, []string{toolURL + "/lti/launch"})
	if err != nil {
		return fmt.Errorf("%s/lti/config.json: %w", toolURL, err)
	}
	at, err := canvas.InstallTool(tool)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nInstalled %q at the root account. Tell the tool:\n\n"+
		"  tokendesk platform add -name standin -allow-private \\\n"+
		"    -issuer %s \\\n    -client-id %s \\\n    -deployment-id %s \\\n"+
		"    -auth-url %s/api/lti/authorize_redirect \\\n    -jwks-url %s/api/lti/security/jwks \\\n"+
		"    -token-url %s/login/oauth2/token \\\n    -canvas-url %s -canvas-token-file FILE\n",
		tool.Name, canvas.Issuer(), at.ClientID, at.ID, canvas.SSOURL(), canvas.SSOURL(), canvas.SSOURL(), canvas.InstitutionURL())
	return nil
}
