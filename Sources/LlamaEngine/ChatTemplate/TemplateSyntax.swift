/// An expression of a template.
indirect enum TemplateExpression {
  case literal(TemplateValue)
  case name(String)
  case list([TemplateExpression])
  case dictionary([(TemplateExpression, TemplateExpression)])
  case member(TemplateExpression, String)
  case index(TemplateExpression, TemplateExpression)
  case slice(TemplateExpression, TemplateExpression?, TemplateExpression?, TemplateExpression?)
  case call(TemplateExpression, TemplateArguments)
  case filter(TemplateExpression, String, TemplateArguments)
  case test(TemplateExpression, String, TemplateArguments, isNegated: Bool)
  case not(TemplateExpression)
  case negative(TemplateExpression)
  case binary(String, TemplateExpression, TemplateExpression)
  case choice(TemplateExpression, condition: TemplateExpression, otherwise: TemplateExpression?)
}

/// What stands between the parentheses of a call.
struct TemplateArguments {
  var positional: [TemplateExpression] = []
  var named: [(name: String, value: TemplateExpression)] = []
}

/// A piece of a template.
indirect enum TemplateNode {
  case text(String)
  case output(TemplateExpression)
  case branches([(condition: TemplateExpression?, body: [TemplateNode])])
  case loop(
    targets: [String], over: TemplateExpression, filter: TemplateExpression?, body: [TemplateNode],
    otherwise: [TemplateNode])
  case set(targets: [String], TemplateExpression)
  case setMember(String, String, TemplateExpression)
  case setBlock(String, [TemplateNode])
  case macro(String, TemplateMacro)
  case filterBlock(String, TemplateArguments, [TemplateNode])
  case breakLoop
  case continueLoop
}
