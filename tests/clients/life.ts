// The whole life of an activation through the types that openapi-typescript made of openapi/segment.json.
// Compiled with --strict, so a type that does not fit the service fails before it runs.
import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

const [baseUrl, token, spaceId, audienceId, destinationId] = process.argv.slice(2) as [string, string, string, string, string];
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });

function found<T>(answer: { data?: T; error?: unknown }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

const audience = { spaceId, audienceId };
const supported = found(
  await client.GET("/spaces/{spaceId}/audienceType/{audienceType}/supported-destinations", {
    params: { path: { spaceId, audienceType: "USERS" }, query: { slug: "webhook" } },
  }),
);
if (!("webhook" in supported.data.destinations)) throw new Error("no webhook");

const added = found(
  await client.POST("/spaces/{spaceId}/audiences/{audienceId}/destination-connections", {
    params: { path: audience },
    body: { destination: { id: destinationId, type: "destination" } },
  }),
);
const connectionId: string = added.data.connection.id;
console.log("connected", connectionId);
const one = { params: { path: { ...audience, destinationId: connectionId } } };
found(
  await client.PATCH("/spaces/{spaceId}/audiences/{audienceId}/destination-connections/{destinationId}", {
    ...one,
    body: { idSyncConfiguration: [{ externalId: "email", strategy: "last" }] },
  }),
);
found(
  await client.GET("/spaces/{spaceId}/audiences/{audienceId}/destination-connections", {
    params: { path: audience, query: { pagination: { count: 10 } } },
  }),
);
const made = found(
  await client.POST(
    "/spaces/{spaceId}/audiences/{audienceId}/destination-connections/{connectionId}/activations",
    {
      params: { path: { ...audience, connectionId } },
      body: {
        performResync: false,
        activationType: "Audience Membership Changed",
        activationName: "Spring buyers",
        destinationMapping: { actionId: "webhook-send", settings: { method: "PUT" } },
      },
    },
  ),
).data.activation;
console.log("made", made.id);
const path = { params: { path: { ...audience, id: made.id } } };
found(await client.GET("/spaces/{spaceId}/audiences/{audienceId}/activations/{id}", path));
const changed = found(
  await client.PATCH("/spaces/{spaceId}/audiences/{audienceId}/activations/{id}", {
    ...path,
    body: { enabled: true, displayName: null },
  }),
);
if (!changed.data.activation.enabled) throw new Error("not enabled");
const listed = found(
  await client.GET("/spaces/{spaceId}/audiences/{audienceId}/activations", {
    params: { path: audience, query: { pagination: { count: 1 } } },
  }),
);
if (listed.data.activations.length !== 1) throw new Error("not listed");
const refused = await client.DELETE(
  "/spaces/{spaceId}/audiences/{audienceId}/destination-connections/{destinationId}",
  one,
);
if (refused.response.status !== 409 || refused.error?.errors[0]?.type !== "conflict") throw new Error("not refused");
found(await client.DELETE("/spaces/{spaceId}/audiences/{audienceId}/activations/{id}", path));
found(
  await client.DELETE("/spaces/{spaceId}/audiences/{audienceId}/destination-connections/{destinationId}", one),
);
const gone = await client.GET("/spaces/{spaceId}/audiences/{audienceId}/activations/{id}", path);
if (gone.response.status !== 404) throw new Error("still there");
console.log("typescript client: all ten operations done");
