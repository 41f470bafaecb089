package temporal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"
)

// retention is how long closed workflows can be looked at.
const retention = 7 * 24 * time.Hour

const registerPatience = 30 * time.Second

// registerNamespace makes Namespace where it is missing. The frontend refuses
// for a moment after its start, so it is asked until it answers.
func registerNamespace(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, registerPatience)
	defer cancel()
	namespaces, err := client.NewNamespaceClient(client.Options{HostPort: address})
	if err != nil {
		return fmt.Errorf("connect to the Temporal server: %w", err)
	}
	defer namespaces.Close()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := namespaces.Register(ctx, &workflowservice.RegisterNamespaceRequest{
			Namespace:                        Namespace,
			WorkflowExecutionRetentionPeriod: durationpb.New(retention),
		})
		if exists := (*serviceerror.NamespaceAlreadyExists)(nil); err == nil || errors.As(err, &exists) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("register namespace %s: %w (last answer: %w)", Namespace, ctx.Err(), err)
		case <-ticker.C:
		}
	}
}
