// Calls the management plane with HashiCorp's go-azure-sdk, which Terraform uses, signed in as Terraform is with
// metadata_host, client_id and client_secret.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/hashicorp/go-azure-helpers/resourcemanager/commonids"
	batch "github.com/hashicorp/go-azure-sdk/resource-manager/batch/2024-07-01"
	"github.com/hashicorp/go-azure-sdk/resource-manager/batch/2024-07-01/application"
	"github.com/hashicorp/go-azure-sdk/resource-manager/batch/2024-07-01/applicationpackage"
	"github.com/hashicorp/go-azure-sdk/resource-manager/batch/2024-07-01/batchaccount"
	"github.com/hashicorp/go-azure-sdk/resource-manager/batch/2024-07-01/certificate"
	"github.com/hashicorp/go-azure-sdk/resource-manager/batch/2024-07-01/detectorresponses"
	"github.com/hashicorp/go-azure-sdk/resource-manager/batch/2024-07-01/location"
	"github.com/hashicorp/go-azure-sdk/resource-manager/batch/2024-07-01/networksecurityperimeter"
	"github.com/hashicorp/go-azure-sdk/resource-manager/batch/2024-07-01/pool"
	"github.com/hashicorp/go-azure-sdk/resource-manager/batch/2024-07-01/privateendpointconnection"
	"github.com/hashicorp/go-azure-sdk/resource-manager/batch/2024-07-01/privatelinkresource"
	"github.com/hashicorp/go-azure-sdk/sdk/auth"
	"github.com/hashicorp/go-azure-sdk/sdk/client/resourcemanager"
	"github.com/hashicorp/go-azure-sdk/sdk/environments"

	"kyanite.test/clients/recorder"
)

var (
	subscription = os.Getenv("SUBSCRIPTION_ID")
	group        = os.Getenv("RESOURCE_GROUP")
	name         = fmt.Sprintf("terraform%d", os.Getpid())
	account      = batchaccount.NewBatchAccountID(subscription, group, name)
	ofAccount    = pool.NewBatchAccountID(subscription, group, name)
)

func main() {
	client, err := signedIn()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	r := recorder.New(map[string]any{
		"account": client.BatchAccount, "application": client.Application, "package": client.ApplicationPackage,
		"certificate": client.Certificate, "detector": client.DetectorResponses, "location": client.Location,
		"perimeter": client.NetworkSecurityPerimeter, "pool": client.Pool,
		"connection": client.PrivateEndpointConnection, "link": client.PrivateLinkResource,
	})
	for _, section := range []func(*recorder.Recorder){
		accounts, listsOfAccounts, locations, applications, certificates, pools, networks, perimeters, end,
	} {
		r.Section(func() { section(r) })
	}
	r.Report()
}

func signedIn() (*batch.Client, error) {
	background := context.Background()
	environment, err := environments.FromEndpoint(background, os.Getenv("MANAGEMENT_URL"))
	if err != nil {
		return nil, err
	}
	authorizer, err := auth.NewAuthorizerFromCredentials(background, auth.Credentials{
		Environment: *environment, TenantID: os.Getenv("AZURE_TENANT_ID"), ClientID: os.Getenv("AZURE_CLIENT_ID"),
		ClientSecret: os.Getenv("AZURE_CLIENT_SECRET"), EnableAuthenticatingUsingClientSecret: true,
	}, environment.ResourceManager)
	if err != nil {
		return nil, err
	}
	return batch.NewClientWithBaseURI(environment.ResourceManager, func(c *resourcemanager.Client) {
		c.Authorizer = authorizer
	})
}

func accounts(r *recorder.Recorder) {
	create := recorder.From[batchaccount.BatchAccountCreateParameters](`{"location": "westeurope", "properties": {
		"autoStorage": {"storageAccountId": "/subscriptions/` + subscription + `/resourceGroups/` + group +
		`/providers/Microsoft.Storage/storageAccounts/` + os.Getenv("STORAGE_ACCOUNT") + `"}}}`)
	r.Must("account.CreateThenPoll", account, create)
	r.Must("account.Create", account, create)
	r.Must("account.CreateCallbackThenPoll", account, create, func() error { return nil })
	r.Must("account.Get", account)
	r.Must("account.Update", account, recorder.From[batchaccount.BatchAccountUpdateParameters](`{"tags": {"a": "b"}}`))
	r.Must("account.GetKeys", account)
	r.Must("account.RegenerateKey", account, batchaccount.BatchAccountRegenerateKeyParameters{KeyName: "Primary"})
	r.Must("account.SynchronizeAutoStorageKeys", account)
}

func listsOfAccounts(r *recorder.Recorder) {
	r.All("account.List", commonids.NewSubscriptionID(subscription))
	r.All("account.ListByResourceGroup", commonids.NewResourceGroupID(subscription, group))
	r.All("account.ListOutboundNetworkDependenciesEndpoints", account)
	r.All("detector.BatchAccountListDetectors", detectorresponses.NewBatchAccountID(subscription, group, name))
	r.Refused("ResourceNotFound", "detector.BatchAccountGetDetector", detectorresponses.NewDetectorID(subscription, group, name, "none"))
}

func locations(r *recorder.Recorder) {
	here := location.NewLocationID(subscription, "westeurope")
	r.Must("location.GetQuotas", here)
	r.Must("location.CheckNameAvailability", here, location.CheckNameAvailabilityParameters{Name: name, Type: "Microsoft.Batch/batchAccounts"})
	r.All("location.ListSupportedVirtualMachineSkus", here)
}

func applications(r *recorder.Recorder) {
	tool := application.NewApplicationID(subscription, group, name, "tool")
	version := applicationpackage.NewVersionID(subscription, group, name, "tool", "1.0")
	r.Must("application.Create", tool, recorder.From[application.Application](`{"properties": {"displayName": "a tool"}}`))
	r.Must("application.Update", tool, recorder.From[application.Application](`{"properties": {"displayName": "tool"}}`))
	r.Must("application.Get", tool)
	r.All("application.List", application.NewBatchAccountID(subscription, group, name))
	r.Must("package.Create", version, applicationpackage.ApplicationPackage{})
	r.Must("package.Get", version)
	r.All("package.List", applicationpackage.NewApplicationID(subscription, group, name, "tool"))
	// Nothing was uploaded.
	r.Refused("ApplicationPackageBlobNotFound", "package.Activate", version, applicationpackage.ActivateApplicationPackageParameters{Format: "zip"})
	r.Must("package.Delete", version)
	r.Must("application.Delete", tool)
}

func certificates(r *recorder.Recorder) {
	thumbprint := os.Getenv("CERTIFICATE_THUMBPRINT")
	id := certificate.NewCertificateID(subscription, group, name, "sha1-"+thumbprint)
	input := recorder.From[certificate.CertificateCreateOrUpdateParameters](`{"properties": {"format": "Cer", "thumbprintAlgorithm": "sha1",
		"thumbprint": "` + thumbprint + `", "data": "` + os.Getenv("CERTIFICATE") + `"}}`)
	r.Must("certificate.Create", id, input)
	r.Must("certificate.Get", id)
	r.Must("certificate.Update", id, input)
	r.All("certificate.ListByBatchAccount", certificate.NewBatchAccountID(subscription, group, name))
	r.Refused("CertificateStateActive", "certificate.CancelDeletion", id)
	r.Must("certificate.DeleteThenPoll", id)
	r.Must("certificate.Create", id, input)
	r.Must("certificate.Delete", id)
}

func pools(r *recorder.Recorder) {
	id := pool.NewPoolID(subscription, group, name, "pool")
	state := func() any { return r.Must("pool.Get", id).(pool.GetOperationResponse).Model.Properties.AllocationState }
	r.Must("pool.Create", id, recorder.From[pool.Pool](`{"properties": {"vmSize": "standard_d2s_v3",
		"deploymentConfiguration": {"virtualMachineConfiguration": {"nodeAgentSkuId": "batch.node.ubuntu 22.04",
			"imageReference": {"publisher": "canonical", "offer": "0001-com-ubuntu-server-jammy", "sku": "22_04-lts"}}},
		"scaleSettings": {"autoScale": {"formula": "$TargetDedicatedNodes=0;"}}}}`))
	r.Until("Steady", state)
	r.Must("pool.Update", id, recorder.From[pool.Pool](`{"properties": {"metadata": [{"name": "a", "value": "b"}]}}`))
	r.All("pool.ListByBatchAccount", ofAccount)
	r.Must("pool.DisableAutoScale", id)
	r.Must("pool.Update", id, recorder.From[pool.Pool](`{"properties": {"scaleSettings": {"fixedScale": {"targetDedicatedNodes": 40}}}}`))
	r.Must("pool.StopResize", id)
	r.Must("pool.DeleteThenPoll", id)
	r.Must("pool.Create", id, recorder.From[pool.Pool](`{"properties": {"vmSize": "standard_d2s_v3",
		"deploymentConfiguration": {"virtualMachineConfiguration": {"nodeAgentSkuId": "batch.node.ubuntu 22.04",
			"imageReference": {"publisher": "canonical", "offer": "0001-com-ubuntu-server-jammy", "sku": "22_04-lts"}}}}}`))
	r.Must("pool.Delete", id)
}

func networks(r *recorder.Recorder) {
	r.All("link.ListByBatchAccount", privatelinkresource.NewBatchAccountID(subscription, group, name))
	r.Refused("ResourceNotFound", "link.Get", privatelinkresource.NewPrivateLinkResourceID(subscription, group, name, "none"))
	none := privateendpointconnection.NewPrivateEndpointConnectionID(subscription, group, name, "none")
	approved := recorder.From[privateendpointconnection.PrivateEndpointConnection](
		`{"properties": {"privateLinkServiceConnectionState": {"status": "Approved"}}}`)
	r.All("connection.ListByBatchAccount", privateendpointconnection.NewBatchAccountID(subscription, group, name))
	r.Refused("ResourceNotFound", "connection.Get", none)
	r.Refused("ResourceNotFound", "connection.Update", none, approved)
	r.Refused("ResourceNotFound", "connection.UpdateThenPoll", none, approved)
	r.Refused("ResourceNotFound", "connection.UpdateCallbackThenPoll", none, approved, privateendpointconnection.DefaultUpdateOperationOptions(), func() error { return nil })
	r.Must("connection.Delete", none)
	r.Must("connection.DeleteThenPoll", none)
}

func perimeters(r *recorder.Recorder) {
	none := networksecurityperimeter.NewNetworkSecurityPerimeterConfigurationID(subscription, group, name, "none")
	r.All("perimeter.ListConfigurations", networksecurityperimeter.NewBatchAccountID(subscription, group, name))
	r.Refused("ResourceNotFound", "perimeter.GetConfiguration", none)
	r.Refused("ResourceNotFound", "perimeter.ReconcileConfiguration", none)
	r.Refused("ResourceNotFound", "perimeter.ReconcileConfigurationThenPoll", none)
	r.Refused("ResourceNotFound", "perimeter.ReconcileConfigurationCallbackThenPoll", none, func() error { return nil })
}

func end(r *recorder.Recorder) {
	r.Must("account.DeleteThenPoll", account)
	r.Must("account.Delete", account)
}
