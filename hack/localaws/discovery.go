package localaws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// DiscoverProvider gets the issuer and the keys of an OIDC server, such as a cluster's API server (OpenID Connect
// Discovery 1.0). It reads the keys from the same server, by the same client, whatever host the issuer publishes for
// them.
func DiscoverProvider(ctx context.Context, client *http.Client, server string) (OIDCProvider, error) {
	server = strings.TrimSuffix(server, "/")
	raw, err := get(ctx, client, server+"/.well-known/openid-configuration")
	if err != nil {
		return OIDCProvider{}, fmt.Errorf("discovering the issuer of %s: %w", server, err)
	}
	var found struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(raw, &found); err != nil {
		return OIDCProvider{}, fmt.Errorf("discovering the issuer of %s: %w", server, err)
	}
	at, err := url.Parse(found.Keys)
	if err != nil || found.Issuer == "" || at.Path == "" {
		return OIDCProvider{}, fmt.Errorf("discovering the issuer of %s: %w", server, errors.New("it names no issuer or no keys"))
	}
	return OIDCProvider{Issuer: found.Issuer, Keys: func(ctx context.Context) ([]byte, error) {
		return get(ctx, client, server+at.Path)
	}}, nil
}

func get(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	httpRequest, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(httpRequest)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", address, answer.Status)
	}
	return io.ReadAll(io.LimitReader(answer.Body, maxBody))
}
