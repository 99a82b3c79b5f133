"""Typed options through a client that OpenAPI Generator made of ``openapi/activations.json``; its folder must be on the path.

Run as a program of its own: ``typed_life.py URL TOKEN SPACE AUDIENCE DESTINATION``.
"""

# mypy: ignore-errors
# The test generates the imported client.

import sys

import activations_client as client
import pytest
from activations_client.exceptions import UnprocessableEntityException

TIMES = client.SpecificDaysConfigInput(days=[1, 5], hours=[6], timezone="Europe/Berlin")


def main(url: str, token: str, space: str, audience: str, destination: str) -> None:
    """Set options of each type, and read them back as the same types."""
    api = client.ApiClient(client.Configuration(host=url, access_token=token))
    accounts, activations = client.DestinationsApi(api), client.ActivationsApi(api)
    options, audiences, syncs = (
        client.DeliveryOptionsApi(api),
        client.AudiencesApi(api),
        client.SyncsApi(api),
    )

    settings = client.WebhookSettings(url="http://127.0.0.1:9/in", batch_size=500)
    sent = client.WebhookDestinationInput(slug="webhook", name="Typed", settings=settings)
    made = accounts.create_destination(
        space, client.OwnDestinationInput(sent)
    ).data.destination.actual_instance
    assert isinstance(made, client.WebhookDestinationOutput)
    assert made.settings.secret.actual_instance.startswith("whsec_")  # shown once
    assert (made.settings.batch_size, made.breaker) == (500, None)
    shown = accounts.get_destination(space, made.id).data.destination.actual_instance
    assert isinstance(shown.settings.secret.actual_instance, client.SecretMask)
    for one in accounts.list_destinations(space).data.destinations:
        assert one.actual_instance.slug == "webhook"

    connection = activations.add_destination_to_audience(
        space,
        audience,
        client.AddDestinationToAudienceAlphaInput(
            destination=client.DestinationInput(id=destination, type="destination")
        ),
    ).data.connection.id
    activation = activations.add_activation_to_audience(
        space,
        audience,
        connection,
        client.AddActivationToAudienceAlphaInput(
            perform_resync=False, activation_type="Audience Entered", activation_name="Typed"
        ),
    ).data.activation.id

    frequencies = [
        client.FrequencyOnRun(type="on_run"),
        client.FrequencyOnce(type="once"),
        client.FrequencyInterval(type="interval", minutes=90),
        client.FrequencyCron(type="cron", expression="30 6 * * 1-5", zone="Europe/Berlin"),
        client.FrequencyDaily(type="daily", at="06:30", zone="Europe/Berlin"),
    ]
    for frequency in frequencies:
        changed = options.update_delivery_options(
            space,
            audience,
            activation,
            client.DeliveryOptionsPatch(frequency=client.Frequency(frequency)),
        )
        found = changed.data.delivery_options.frequency.actual_instance
        assert type(found) is type(frequency), found
    options.update_delivery_options(
        space,
        audience,
        activation,
        client.DeliveryOptionsPatch(
            brake=client.BrakeChanges(max_removal_percent=12.5),
            notifications=client.Notifications(destination_id=made.id, on=["failed"]),
            split=client.Split(
                arms=[
                    client.SplitArm(name="A", weight=90),
                    client.SplitArm(name="control", weight=10, sent=False),
                ],
                var_property="group",
            ),
        ),
    )
    found = options.get_delivery_options(space, audience, activation).data.delivery_options
    assert found.frequency.actual_instance.at == "06:30"
    assert (found.brake.max_removal_percent, found.brake.min_removals) == (12.5, 10)
    assert [arm.name for arm in found.split.arms] == ["A", "control"]
    assert (found.notifications.destination_id, found.notifications.on) == (made.id, ["failed"])
    row = activations.list_activations(
        space, pagination=client.PaginationInput(count=1)
    ).data.activations[0]
    assert isinstance(row.frequency.actual_instance, client.FrequencyDaily)
    assert syncs.get_activation_status(space, audience, activation).data.status.open_sync is None

    schedule = client.AddAudienceScheduleToAudienceInput(
        strategy="SPECIFIC_DAYS", config=client.AddAudienceScheduleToAudienceInputConfig(TIMES)
    )
    times = audiences.add_audience_schedule_to_audience(space, audience, schedule)
    config = times.data.audience_schedule.config.actual_instance
    assert isinstance(config, client.SpecificDaysConfig)
    assert config.hours == [6]

    wrong = client.FrequencyCron(type="cron", expression="every day", zone=None)
    patch = client.DeliveryOptionsPatch(frequency=client.Frequency(wrong))
    with pytest.raises(UnprocessableEntityException) as refused:
        options.update_delivery_options(space, audience, activation, patch)
    assert refused.value.data.errors[0].var_field == "frequency.expression"
    print("python client: typed options done")


main(*sys.argv[1:])
