package localaws

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// passwordRotation rotates a password like the functions of the rotation templates (page "AWS Secrets
// Manager rotation function templates").
type passwordRotation struct{ server *Server }

const (
	rotatedLength = 24
	// rotationPause is how long a step takes, so that AWSPENDING can be seen.
	rotationPause = 50 * time.Millisecond
)

// RotatePassword is a built-in rotation function: in the four steps, it gives the field "password" of a JSON secret a
// new random value.
func (s *Server) RotatePassword() RotationFunction { return passwordRotation{server: s}.step }

func (p passwordRotation) step(ctx context.Context, event RotationEvent) error {
	select {
	case <-time.After(rotationPause):
	case <-ctx.Done():
		return ctx.Err()
	}
	p.server.mutex.Lock()
	defer p.server.mutex.Unlock()
	found := p.server.byARN(event.SecretId)
	if found == nil {
		return fmt.Errorf("no secret %s", event.SecretId)
	}
	before := found.labels()
	defer func() {
		p.server.labelled(found, before)
		p.server.noted(found.place(), found.name)
		p.server.spread(found)
	}()
	switch event.Step {
	case "createSecret":
		return p.create(found, event.ClientRequestToken)
	case "setSecret", "testSecret":
		return nil // There is no database in which to set or test it.
	case "finishSecret":
		found.move(stageCurrent, found.versions[event.ClientRequestToken])
		found.changed = p.server.now()
		return nil
	}
	return fmt.Errorf("unknown step %q", event.Step)
}

func (p passwordRotation) create(found *secret, token string) error {
	if v := found.versions[token]; v != nil && !v.empty {
		return nil // An earlier attempt has done this step.
	}
	current := found.carrier(stageCurrent)
	if current == nil || current.text == nil {
		return fmt.Errorf("secret %s has no text to rotate", found.name)
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(*current.text), &fields); err != nil {
		return fmt.Errorf("secret %s is not a JSON object", found.name)
	}
	fields["password"] = json.RawMessage(`"` + randomPassword(lowercase+uppercase+numbers, rotatedLength) + `"`)
	rotated, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	text := string(rotated)
	_, _, err = p.server.addVersion(found, &valueInput{ClientRequestToken: token, SecretString: &text}, []string{stagePending})
	return err
}

func (s *Server) byARN(arn string) *secret {
	for _, here := range s.secrets {
		for _, found := range here {
			if found.arn == arn {
				return found
			}
		}
	}
	return nil
}
