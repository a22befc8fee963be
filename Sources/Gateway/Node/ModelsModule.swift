import ModelInterface

/// `/v1/models` and `/v1/models/{model}`.
struct ModelsModule: GatewayModule {
  let provider: any ModelProvider

  var routes: [Route] {
    [
      .whole(.get, "/v1/models", operation: Schemas.listModels) { request in
        var json = JSONText(capacity: 1024)
        json.raw("{\"object\":\"list\",\"data\":")
        json.array(await visible(request)) { json, model in Self.write(model, into: &json) }
        json.raw("}")
        return WholeResponse(body: json.bytes)
      },
      .whole(.get, "/v1/models/{model*}", operation: Schemas.retrieveModel) { request in
        let name = request.variables.first ?? ""
        guard let model = await visible(request).first(where: { $0.name == name || $0.aliases.contains(name) }) else {
          throw APIError.unknownModel(name)
        }
        var json = JSONText()
        Self.write(model, into: &json)
        return WholeResponse(body: json.bytes)
      },
    ]
  }

  private func visible(_ request: GatewayRequest) async -> [ModelDescriptor] {
    let models = await provider.models()
    guard let allowed = request.principal.models else { return models }
    return models.filter { allowed.contains($0.name) }
  }

  private static func write(_ model: ModelDescriptor, into json: inout JSONText) {
    json.raw("{\"id\":")
    json.string(model.name)
    json.raw(",\"object\":\"model\",\"created\":")
    json.integer(model.created)
    json.raw(",\"owned_by\":")
    json.string(model.provider)
    json.raw(",\"prsm\":{\"loaded\":")
    json.bool(model.isLoaded)
    json.raw(",\"can_embed\":")
    json.bool(model.canEmbed)
    json.raw(",\"aliases\":")
    json.array(model.aliases) { json, alias in json.string(alias) }
    if let length = model.contextLength {
      json.raw(",\"context_length\":")
      json.integer(length)
    }
    if let count = model.parameterCount {
      json.raw(",\"parameters\":")
      json.integer(count)
    }
    if let quantization = model.quantization {
      json.raw(",\"quantization\":")
      json.string(quantization)
    }
    if let architecture = model.architecture {
      json.raw(",\"architecture\":")
      json.string(architecture)
    }
    json.raw("}}")
  }
}
