package events

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

func TestTheHookIsAnotherWayIn(t *testing.T) {
	s := newSetup(t)
	token := s.value()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	s.startPlain("--change-hook-bind-address="+address, "--change-hook-token-file="+file)
	_, content := s.create("db")
	s.sync("db", s.secretID("db"), alone)
	s.awaitValue("db", content)
	s.await("the hook listens", func() bool { // The manager is ready before the hook listens.
		connection, err := net.Dial("tcp", address)
		return err == nil && connection.Close() == nil
	})
	content = s.put(s.secretID("db"))
	events := s.env.AWS.Events()
	body, err := json.Marshal(events[len(events)-1])
	if err != nil {
		t.Fatal(err)
	}
	for authorization, want := range map[string]int{"": http.StatusUnauthorized, "Bearer " + token: http.StatusAccepted} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/events", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", authorization)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("with %d characters of authorization the answer is %d, want %d", len(authorization), answer.StatusCode, want)
		}
	}
	s.awaitValue("db", content)
	if _, queue := s.metric("secretsync_change_queue_up"); queue {
		t.Error("there are metrics of a queue without a queue")
	}
}
