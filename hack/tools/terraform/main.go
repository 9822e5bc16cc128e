// Command terraform evaluates a Terraform module without Terraform and without its providers, and prints the arguments of
// its resources and its outputs as JSON. Attributes that AWS would compute have placeholders. It knows the functions,
// the resource types and the meta-arguments that hack/terraform uses, and refuses others.
//
//	terraform DIRECTORY [VARIABLES as JSON]
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) < 1 || len(arguments) > 2 {
		return errors.New("usage: terraform DIRECTORY [VARIABLES as JSON]")
	}
	given := map[string]json.RawMessage{}
	if len(arguments) == 2 {
		if err := json.Unmarshal([]byte(arguments[1]), &given); err != nil {
			return fmt.Errorf("the variables: %w", err)
		}
	}
	m, err := load(arguments[0])
	if err != nil {
		return err
	}
	if err := m.setVariables(given); err != nil {
		return err
	}
	if err := m.evaluate(); err != nil {
		return err
	}
	result, err := ctyjson.Marshal(m.result(), cty.DynamicPseudoType)
	if err != nil {
		return err
	}
	var value struct{ Value json.RawMessage }
	if err := json.Unmarshal(result, &value); err != nil {
		return err
	}
	fmt.Println(string(value.Value))
	return nil
}
