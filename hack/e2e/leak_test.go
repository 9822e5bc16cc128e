package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/stand"
)

// searchForValues looks for every value that a test has put into a secret, in plain and in base64,
// in all that the operator has said: logs, events, statuses, metrics, and what Secrets have besides
// their data.
func searchForValues(ctx context.Context, w *stand.Stand, metrics []byte) error {
	said, err := said(ctx, w)
	if err != nil {
		return err
	}
	said["metrics"] = metrics
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
	var secrets corev1.SecretList
	if err := errors.Join(w.Client.List(ctx, &syncs), w.Client.List(ctx, &events), w.Client.List(ctx, &secrets)); err != nil {
		return nil, err
	}
	for i := range secrets.Items {
		secrets.Items[i].Data = nil
	}
	if said["metadata of Secrets"], err = json.Marshal(secrets); err != nil {
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

// scrape reads the metrics of a manager that runs, and wants its own among them.
func scrape(ctx context.Context, manager *stand.Manager) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+manager.Metrics+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	metrics, err := io.ReadAll(answer.Body)
	if err == nil && !bytes.Contains(metrics, []byte("secretsync_")) {
		err = errors.New("the manager's metrics have none of its own")
	}
	return metrics, err
}
