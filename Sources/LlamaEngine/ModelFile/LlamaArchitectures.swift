/// The model architectures that llama.cpp build 11434 can construct, with the metadata that each cannot load without.
///
/// Taken from `src/llama-model.cpp` (which architectures have a model class) and `src/models/*.cpp` (the keys that are read
/// unconditionally) of that build; to be renewed together with the pinned build.
package enum LlamaArchitectures {
  /// The llama.cpp build that the table describes.
  package static let build = "11434"

  /// Architecture name to the keys it requires beyond `block_count`, `context_length` and `embedding_length`, without the
  /// architecture's prefix; a key that starts with `/` has none.
  package static let requiredKeys: [String: [String]] = parse(table)

  private static func parse(_ table: String) -> [String: [String]] {
    var keys: [String: [String]] = [:]
    for line in table.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard let name = parts.first else { continue }
      keys[String(name)] = parts.count > 1 ? parts[1].split(separator: " ").map(String.init) : []
    }
    return keys
  }

  private static let table = """
    afmoe: attention.layer_norm_rms_epsilon expert_feed_forward_length expert_shared_count
    apertus: attention.layer_norm_rms_epsilon /xielu.alpha_n /xielu.alpha_p /xielu.beta /xielu.eps
    arcee: attention.layer_norm_rms_epsilon
    arctic: attention.layer_norm_rms_epsilon
    arwkv7: wkv.head_size attention.decay_lora_rank attention.iclr_lora_rank attention.value_residual_mix_lora_rank
    baichuan: attention.layer_norm_rms_epsilon
    bailingmoe: attention.layer_norm_rms_epsilon expert_feed_forward_length expert_shared_count
    bailingmoe2: attention.layer_norm_rms_epsilon expert_feed_forward_length expert_shared_count expert_gating_func
    bailingmoe3: attention.layer_norm_rms_epsilon attention.key_length_mla attention.value_length_mla \
      attention.kv_lora_rank ssm.conv_kernel kda.head_dim kda.gate_lower_bound expert_feed_forward_length \
      expert_shared_count leading_dense_block_count expert_gating_func
    bert: attention.layer_norm_epsilon
    bitnet: attention.layer_norm_rms_epsilon
    bloom: attention.layer_norm_epsilon
    chameleon: attention.layer_norm_rms_epsilon
    chatglm: attention.layer_norm_rms_epsilon
    clef: decision.routing_block_count decision.block_count decision.head_count attention.layer_norm_epsilon
    codeshell: attention.layer_norm_epsilon
    cogvlm: attention.layer_norm_rms_epsilon
    cohere2: attention.sliding_window logit_scale attention.layer_norm_epsilon
    cohere2moe: attention.sliding_window logit_scale leading_dense_block_count expert_feed_forward_length
    command-r: attention.layer_norm_epsilon
    dbrx: attention.layer_norm_epsilon attention.clamp_kqv
    deci: attention.layer_norm_rms_epsilon
    deepseek: attention.layer_norm_rms_epsilon expert_feed_forward_length expert_shared_count
    deepseek2: attention.layer_norm_rms_epsilon attention.kv_lora_rank expert_feed_forward_length \
      expert_shared_count
    deepseek2-ocr: attention.layer_norm_rms_epsilon expert_feed_forward_length expert_shared_count
    deepseek32: expert_feed_forward_length attention.layer_norm_rms_epsilon expert_shared_count \
      attention.q_lora_rank attention.kv_lora_rank expert_feed_forward_length expert_shared_count \
      attention.indexer.head_count attention.indexer.key_length attention.indexer.top_k expert_gating_func
    deepseek4: attention.layer_norm_rms_epsilon attention.q_lora_rank attention.sliding_window \
      expert_feed_forward_length expert_shared_count expert_weights_scale expert_weights_norm swiglu_clamp_exp \
      attention.indexer.head_count attention.indexer.key_length attention.indexer.top_k attention.output_group_count \
      attention.output_lora_rank attention.compress_rope_freq_base hyper_connection.count \
      hyper_connection.sinkhorn_iterations hyper_connection.epsilon hash_layer_count expert_gating_func
    dflash: attention.layer_norm_rms_epsilon
    dots1: attention.layer_norm_rms_epsilon expert_feed_forward_length expert_shared_count
    dots3note: attention.layer_norm_rms_epsilon expert_shared_count expert_feed_forward_length \
      leading_dense_block_count expert_gating_func attention.q_lora_rank attention.kv_lora_rank \
      attention.key_length_mla attention.value_length_mla attention.kv_lora_rank_swa attention.key_length_mla_swa \
      attention.value_length_mla_swa attention.sliding_window rope.freq_base_swa attention.indexer.head_count \
      attention.indexer.key_length attention.indexer.top_k
    dream: attention.layer_norm_rms_epsilon
    eagle3: attention.layer_norm_rms_epsilon target_hidden_size
    ernie4_5: attention.layer_norm_rms_epsilon
    ernie4_5-moe: attention.layer_norm_rms_epsilon
    eurobert: attention.layer_norm_rms_epsilon
    exaone: attention.layer_norm_rms_epsilon
    exaone-moe: attention.sliding_window attention.layer_norm_rms_epsilon expert_feed_forward_length \
      expert_gating_func
    exaone4: attention.layer_norm_rms_epsilon
    falcon: attention.layer_norm_epsilon
    falcon-h1: attention.layer_norm_rms_epsilon ssm.conv_kernel ssm.inner_size ssm.state_size ssm.time_step_rank \
      ssm.group_count
    gemma: attention.layer_norm_rms_epsilon
    gemma-embedding: attention.sliding_window attention.layer_norm_rms_epsilon
    gemma2: attention.layer_norm_rms_epsilon
    gemma3: attention.layer_norm_rms_epsilon
    gemma3n: attention.sliding_window attention.layer_norm_rms_epsilon
    gemma4: attention.sliding_window attention.layer_norm_rms_epsilon embedding_length_per_layer_input \
      attention.key_length_swa attention.value_length_swa
    gemma4-assistant: attention.sliding_window attention.layer_norm_rms_epsilon attention.key_length_swa \
      attention.value_length_swa
    glm-dsa: expert_feed_forward_length attention.layer_norm_rms_epsilon expert_shared_count attention.q_lora_rank \
      attention.kv_lora_rank expert_feed_forward_length expert_shared_count attention.indexer.head_count \
      attention.indexer.key_length attention.indexer.top_k
    glm4: attention.layer_norm_rms_epsilon
    glm4moe: expert_feed_forward_length attention.layer_norm_rms_epsilon expert_shared_count
    glm5-next: attention.layer_norm_rms_epsilon attention.key_length_mla attention.value_length_mla \
      attention.q_lora_rank attention.kv_lora_rank ssm.conv_kernel kda.head_dim expert_feed_forward_length \
      expert_shared_count attention.indexer.head_count attention.indexer.key_length attention.indexer.top_k \
      attention.indexer.kpool hyper_connection.count hyper_connection.sinkhorn_iterations hyper_connection.epsilon
    gpt-oss: attention.layer_norm_rms_epsilon expert_feed_forward_length attention.sliding_window
    gpt2: attention.layer_norm_epsilon
    gptneox: attention.layer_norm_epsilon use_parallel_residual
    granite: attention.layer_norm_rms_epsilon logit_scale
    granite_swa: attention.layer_norm_rms_epsilon logit_scale attention.sliding_window
    granitehybrid: attention.layer_norm_rms_epsilon ssm.conv_kernel ssm.inner_size ssm.state_size ssm.time_step_rank \
      ssm.group_count attention.layer_norm_rms_epsilon
    granitemoe: attention.layer_norm_rms_epsilon logit_scale
    graniteswitch: attention.layer_norm_rms_epsilon logit_scale adapters.count adapters.lora_rank
    grok: attention.layer_norm_rms_epsilon
    grovemoe: expert_feed_forward_length expert_group_scale experts_per_group attention.layer_norm_rms_epsilon
    hrm_text: attention.layer_norm_rms_epsilon hrm.layers_per_stack hrm.h_cycles hrm.l_cycles
    hunyuan-dense: attention.layer_norm_rms_epsilon
    hunyuan-moe: attention.layer_norm_rms_epsilon expert_feed_forward_length
    hunyuan_vl: attention.layer_norm_rms_epsilon
    hy_v3: attention.layer_norm_rms_epsilon expert_feed_forward_length
    hy_v4: attention.layer_norm_rms_epsilon attention.q_lora_rank attention.kv_lora_rank attention.key_length_mla \
      attention.value_length_mla expert_feed_forward_length expert_shared_count hyper_connection.count \
      hyper_connection.epsilon hyper_connection.magnitude
    internlm2: attention.layer_norm_rms_epsilon
    jais: attention.layer_norm_epsilon
    jais2: attention.layer_norm_epsilon
    jamba: ssm.conv_kernel ssm.inner_size ssm.state_size ssm.time_step_rank attention.layer_norm_rms_epsilon
    jina-bert-v2: attention.layer_norm_epsilon
    jina-bert-v3: attention.layer_norm_epsilon
    kimi-k3: attention.layer_norm_rms_epsilon attention.key_length_mla attention.value_length_mla \
      attention.kv_lora_rank ssm.conv_kernel kda.head_dim expert_feed_forward_length expert_shared_count \
      expert_gating_func attn_res.block_size activation.situ_beta activation.situ_linear_beta
    kimi-linear: attention.layer_norm_rms_epsilon attention.key_length_mla attention.value_length_mla \
      attention.kv_lora_rank ssm.conv_kernel kda.head_dim expert_feed_forward_length expert_shared_count \
      expert_gating_func
    laguna: attention.layer_norm_rms_epsilon leading_dense_block_count expert_feed_forward_length
    lfm2: shortconv.l_cache attention.layer_norm_rms_epsilon
    lfm2moe: shortconv.l_cache attention.layer_norm_rms_epsilon expert_feed_forward_length expert_gating_func
    llada: attention.layer_norm_rms_epsilon
    llada-moe: attention.layer_norm_rms_epsilon
    llama: attention.layer_norm_rms_epsilon
    llama-embed: attention.layer_norm_rms_epsilon
    llama4: attention.layer_norm_rms_epsilon expert_feed_forward_length interleave_moe_layer_step
    maincoder: attention.layer_norm_rms_epsilon
    mamba: ssm.conv_kernel ssm.inner_size ssm.state_size ssm.time_step_rank attention.layer_norm_rms_epsilon
    mamba2: ssm.conv_kernel ssm.inner_size ssm.state_size ssm.time_step_rank ssm.group_count \
      attention.layer_norm_rms_epsilon
    maple: attention.layer_norm_rms_epsilon attention.sliding_window expert_feed_forward_length swiglu_clamp_exp
    mellum: attention.layer_norm_rms_epsilon expert_feed_forward_length
    mimo2: attention.layer_norm_rms_epsilon expert_feed_forward_length attention.sliding_window
    minicpm: attention.layer_norm_rms_epsilon
    minicpm3: attention.layer_norm_rms_epsilon attention.q_lora_rank attention.kv_lora_rank
    minimax-01: attention.layer_norm_rms_epsilon residual_scale
    minimax-m2: attention.layer_norm_rms_epsilon expert_feed_forward_length
    minimax-m3: attention.layer_norm_rms_epsilon expert_feed_forward_length expert_shared_count expert_gating_func \
      attention.indexer.head_count attention.indexer.key_length attention.indexer.top_k attention.indexer.block_size \
      attention.indexer.local_blocks
    mistral3: attention.layer_norm_rms_epsilon
    mistral4: attention.layer_norm_rms_epsilon attention.kv_lora_rank expert_feed_forward_length expert_shared_count
    modern-bert: attention.layer_norm_epsilon
    mpt: attention.layer_norm_epsilon
    muse-glimmer: attention.layer_norm_rms_epsilon attention.sliding_window logit_scale
    nanbeige: attention.layer_norm_rms_epsilon
    nemotron: attention.layer_norm_epsilon
    nemotron_h: ssm.conv_kernel ssm.inner_size ssm.state_size ssm.time_step_rank ssm.group_count \
      attention.layer_norm_epsilon
    nemotron_h_moe: ssm.conv_kernel ssm.inner_size ssm.state_size ssm.time_step_rank ssm.group_count \
      attention.layer_norm_epsilon
    neo-bert: attention.layer_norm_rms_epsilon
    nomic-bert: attention.layer_norm_epsilon
    nomic-bert-moe: attention.layer_norm_epsilon
    olmo: attention.layer_norm_epsilon
    olmo2: attention.layer_norm_rms_epsilon
    olmoe: attention.layer_norm_rms_epsilon
    openelm: attention.layer_norm_rms_epsilon
    orion: attention.layer_norm_epsilon
    paddleocr: attention.layer_norm_rms_epsilon
    pangu-embedded: attention.layer_norm_rms_epsilon
    phi2: attention.layer_norm_epsilon
    phi3: attention.layer_norm_rms_epsilon
    phimoe: attention.layer_norm_rms_epsilon
    plamo: attention.layer_norm_rms_epsilon
    plamo2: attention.layer_norm_rms_epsilon ssm.conv_kernel ssm.inner_size ssm.state_size ssm.time_step_rank \
      ssm.group_count
    plamo3: attention.layer_norm_rms_epsilon
    plm: attention.layer_norm_rms_epsilon attention.kv_lora_rank
    pockettts: attention.layer_norm_epsilon
    qwen: attention.layer_norm_rms_epsilon
    qwen2: attention.layer_norm_rms_epsilon
    qwen2moe: attention.layer_norm_rms_epsilon
    qwen2vl: rope.dimension_sections
    qwen3: attention.layer_norm_rms_epsilon
    qwen35: attention.layer_norm_rms_epsilon rope.dimension_sections ssm.conv_kernel ssm.inner_size ssm.state_size \
      ssm.time_step_rank ssm.group_count
    qwen35moe: attention.layer_norm_rms_epsilon rope.dimension_sections ssm.conv_kernel ssm.inner_size \
      ssm.state_size ssm.time_step_rank ssm.group_count
    qwen3moe: attention.layer_norm_rms_epsilon
    qwen3next: attention.layer_norm_rms_epsilon ssm.conv_kernel ssm.inner_size ssm.state_size ssm.time_step_rank \
      ssm.group_count
    qwen3tts: rope.dimension_sections attention.layer_norm_rms_epsilon
    qwen3vl: rope.dimension_sections attention.layer_norm_rms_epsilon
    qwen3vlmoe: rope.dimension_sections attention.layer_norm_rms_epsilon
    qwen4exp: attention.layer_norm_rms_epsilon rope.dimension_sections ssm.conv_kernel ssm.inner_size ssm.state_size \
      ssm.time_step_rank ssm.group_count hyper_connection.count hyper_connection.low_rank \
      attention.indexer.head_count attention.indexer.key_length attention.indexer.top_k
    refact: attention.layer_norm_rms_epsilon
    rnd1: attention.layer_norm_rms_epsilon
    rwkv6: wkv.head_size time_mix_extra_dim time_decay_extra_dim
    rwkv6qwen2: wkv.head_size time_mix_extra_dim time_decay_extra_dim
    rwkv7: wkv.head_size attention.decay_lora_rank attention.iclr_lora_rank attention.value_residual_mix_lora_rank
    seed_oss: attention.layer_norm_rms_epsilon
    smallthinker: attention.layer_norm_rms_epsilon
    smollm3: attention.layer_norm_rms_epsilon
    spark2_5: attention.layer_norm_rms_epsilon attention.sliding_window
    stablelm: attention.layer_norm_epsilon
    starcoder: attention.layer_norm_epsilon
    starcoder2: attention.layer_norm_epsilon
    step35: attention.layer_norm_rms_epsilon expert_feed_forward_length attention.sliding_window
    t5: attention.layer_norm_rms_epsilon attention.relative_buckets_count
    t5encoder: attention.layer_norm_rms_epsilon attention.relative_buckets_count
    talkie: attention.layer_norm_rms_epsilon logit_scale
    wavtokenizer-dec: attention.layer_norm_epsilon attention.group_norm_epsilon attention.group_norm_groups
    xverse: attention.layer_norm_rms_epsilon
    """
}
