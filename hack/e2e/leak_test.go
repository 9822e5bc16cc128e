package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	eventsv1 "k8s.io/api/events/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/stand"
)

// searchForValues looks for every value that a test has put into a secret, in plain and in base64,
// in all that the operator has said: logs, events, statuses and the metrics at the end.
func searchForValues(ctx context.Context, w *stand.Stand) error {
	said, err := said(ctx, w)
	if err != nil {
		return err
	}
	used.Lock()
	defer used.Unlock()
	if len(used.values) == 0 {
		return errors.New("no test used a value: the search for values would find nothing")
	}
	var found []error
	for where, content := range said {
		for i, value := range used.values {
			if bytes.Contains(content, []byte(value)) || bytes.Contains(content, []byte(base64.StdEncoding.EncodeToString([]byte(value)))) {
				found = append(found, fmt.Errorf("value %d of %d is in %s", i+1, len(used.values), where))
			}
		}
	}
	return errors.Join(found...)
}

func said(ctx context.Context, w *stand.Stand) (map[string][]byte, error) {
	said := map[string][]byte{}
	logs, err := filepath.Glob(filepath.Join(w.Plane.Directory(), "*.log"))
	if err != nil {
		return nil, err
	}
	for _, log := range logs {
		if said[filepath.Base(log)], err = os.ReadFile(log); err != nil {
			return nil, err
		}
	}
	var syncs v1alpha1.SecretSyncList
	var events eventsv1.EventList
	if err := errors.Join(w.Client.List(ctx, &syncs), w.Client.List(ctx, &events)); err != nil {
		return nil, err
	}
	if said["SecretSyncs"], err = json.Marshal(syncs); err != nil {
		return nil, err
	}
	if said["events"], err = json.Marshal(events); err != nil {
		return nil, err
	}
	return said, nil
}
