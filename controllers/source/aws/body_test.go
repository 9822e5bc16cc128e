package aws

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/hack/localaws"
)

// TestARequestLeavesInOneWrite: two writes cost a system call and a packet more, for each call to AWS.
func TestARequestLeavesInOneWrite(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	isolate(t, "http://"+listener.Addr().String())
	writes := make(chan int, 1)
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		connection, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return &counted{Conn: connection, writes: writes}, err
	}}}
	s, err := New(t.Context(), Options{Region: localaws.DefaultRegion, LoadOptions: []func(*config.LoadOptions) error{config.WithHTTPClient(client)}})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if connection, err := listener.Accept(); err == nil {
			_, _ = connection.Read(make([]byte, 1<<16)) // All that the test wants is the request.
			_ = connection.Close()
		}
	}()
	if _, err := s.Resolve(t.Context(), source.VersionQuery{Ref: current("db")}); source.KindOf(err) != source.RegionUnavailable {
		t.Fatal(err)
	}
	if got := <-writes; got != 1 {
		t.Errorf("%d writes", got)
	}
}

// counted counts the writes until the connection is closed.
type counted struct {
	net.Conn
	count  int
	writes chan int
}

func (c *counted) Write(content []byte) (int, error) {
	c.count++
	return c.Conn.Write(content)
}

func (c *counted) Close() error {
	select {
	case c.writes <- c.count:
	default:
	}
	return c.Conn.Close()
}

// do sends a request whose answer has no body.
func do(client wholeBodies, request *http.Request) error {
	_, err := client.Do(request) //nolint:bodyclose // it has none
	return err
}

// TestTheBodyOutlivesTheSDKs: closing the SDK's own does not end what is being sent.
func TestTheBodyOutlivesTheSDKs(t *testing.T) {
	var sent *http.Request
	client := wholeBodies{clientFunc(func(r *http.Request) (*http.Response, error) {
		sent = r
		return &http.Response{}, nil
	})}
	body := &closable{Reader: strings.NewReader("content")}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1", body)
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = int64(len("content"))
	if err := do(client, request); err != nil {
		t.Fatal(err)
	}
	_ = request.Body.Close()
	if content, err := io.ReadAll(sent.Body); err != nil || string(content) != "content" {
		t.Errorf("%q is left, %v", content, err)
	}
}

// TestOtherRequestsAreSentAsTheyAre: only a body that is in memory, and can be had once alone, is copied.
func TestOtherRequestsAreSentAsTheyAre(t *testing.T) {
	whole := func() io.ReadCloser { return io.NopCloser(strings.NewReader("content")) }
	again := func() (io.ReadCloser, error) { return whole(), nil }
	for name, request := range map[string]*http.Request{
		"no body":                  {ContentLength: 7},
		"a body of net/http's":     {Body: http.NoBody, ContentLength: 7},
		"a body of unknown length": {Body: whole(), ContentLength: -1},
		"a body without a length":  {Body: whole()},
		"a body that can be had":   {Body: whole(), ContentLength: 7, GetBody: again},
	} {
		var sent *http.Request
		client := wholeBodies{clientFunc(func(r *http.Request) (*http.Response, error) {
			sent = r
			return &http.Response{}, nil
		})}
		if err := do(client, request); err != nil || sent != request {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestABodyThatCannotBeReadIsNotSent(t *testing.T) {
	client := wholeBodies{clientFunc(func(*http.Request) (*http.Response, error) {
		t.Error("half a request was sent")
		return &http.Response{}, nil
	})}
	broken := &closable{Reader: strings.NewReader("content"), closed: true}
	if err := do(client, &http.Request{Body: broken, ContentLength: 7}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

type closable struct {
	io.Reader
	closed bool
}

func (c *closable) Read(into []byte) (int, error) {
	if c.closed {
		return 0, io.ErrClosedPipe
	}
	return c.Reader.Read(into)
}

func (c *closable) Close() error {
	c.closed = true
	return nil
}

type clientFunc func(*http.Request) (*http.Response, error)

func (f clientFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }
