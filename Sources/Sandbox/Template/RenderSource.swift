extension PythonTemplate {
  /// Values written down without running any code of the program.
  static let rendering = #"""
    def make_renderer(most_items, most_characters):
        """Writes a value down without running any code of the program: never its repr, its attributes or its hash. With it
        comes a function that sets other bounds."""
        exact, identity, length, short, ordered, represent = type, id, len, min, sorted, repr
        mro_of = type.__dict__["__mro__"].__get__
        name_of = type.__dict__["__name__"].__get__
        members_of = type.__dict__["__dict__"].__get__
        function_name = types.FunctionType.__dict__["__name__"].__get__
        Text, Whole, Getset, Failed = str, int, types.GetSetDescriptorType, BaseException
        from itertools import islice
        join = ", ".join
        deepest = 4

        def text(value, level):
            size = Text.__len__(value)
            if size > most_characters:
                return represent(Text.__getitem__(value, slice(0, most_characters))) + "…+%d" % (size - most_characters)
            return represent(Text.__str__(value))
        def quick_text(value, level):
            return represent(value) if length(value) <= most_characters else text(value, level)
        def quick_whole(value, level):
            return represent(value) if -small < value < small else whole(value, level)
        small = 1 << 63
        def octets(value, level):
            size = length(value)
            if size > most_characters:
                return represent(bytes(value[:most_characters])) + "…+%d" % (size - most_characters)
            return represent(bytes(value))
        def whole(value, level):
            bits = Whole.bit_length(value)
            return "<int of %d bits>" % bits if bits > 512 else Whole.__repr__(value)
        def items(iterator, size, level):
            parts = [render(item, level + 1) for item in islice(iterator, most_items)]
            if size > most_items:
                parts.append("…+%d" % (size - most_items))
            return parts
        def sequence(opening, closing, iterate, size_of):
            def write(value, level):
                size = size_of(value)
                if level >= deepest and size:
                    return opening + "…" + closing
                parts = items(iterate(value), size, level)
                if opening == "(" and size == 1:
                    return "(" + parts[0] + ",)"
                return opening + join(parts) + closing
            return write
        def bag(opening, closing, iterate, size_of):
            def write(value, level):
                size = size_of(value)
                if size == 0:
                    return "set()" if opening == "{" else opening + closing
                if level >= deepest:
                    return opening + "…" + closing
                parts = ordered([render(item, level + 1) for item in islice(iterate(value), most_items)])
                if size > most_items:
                    parts.append("…+%d" % (size - most_items))
                return opening + join(parts) + closing
            return write
        def mapping(value, level):
            size = dict.__len__(value)
            if level >= deepest and size:
                return "{…}"
            parts = [render(key, level + 1) + ": " + render(item, level + 1)
                     for key, item in islice(dict.items(value), most_items)]
            if size > most_items:
                parts.append("…+%d" % (size - most_items))
            return "{" + join(parts) + "}"
        from collections import deque
        forms = {
            identity(Text): text, identity(Whole): whole, identity(bytes): octets, identity(bytearray): octets,
            identity(float): lambda value, level: float.__repr__(value),
            identity(complex): lambda value, level: complex.__repr__(value),
            identity(bool): lambda value, level: "True" if value else "False",
            identity(exact(None)): lambda value, level: "None",
            identity(exact(...)): lambda value, level: "...",
            identity(range): lambda value, level: represent(value),
            identity(list): sequence("[", "]", list.__iter__, list.__len__),
            identity(tuple): sequence("(", ")", tuple.__iter__, tuple.__len__),
            identity(deque): sequence("deque([", "])", deque.__iter__, deque.__len__),
            identity(set): bag("{", "}", set.__iter__, set.__len__),
            identity(frozenset): bag("frozenset({", "})", frozenset.__iter__, frozenset.__len__),
            identity(dict): mapping,
            identity(types.FunctionType): lambda value, level: "<function %s>" % function_name(value),
            identity(types.BuiltinFunctionType): lambda value, level: "<built-in function>",
            identity(types.ModuleType): lambda value, level: "<module>",
            identity(exact): lambda value, level: "<class %s>" % name_of(value),
        }
        form = forms.get
        # Where the type is exactly this one, the usual ways run no code of the program either.
        quick = {
            **forms, identity(Text): quick_text, identity(Whole): quick_whole,
            identity(float): lambda value, level: represent(value),
        }.get

        def instance(value, kind, level):
            if level >= deepest:
                return "<%s>" % name_of(kind)
            for base in mro_of(kind):
                own = members_of(base).get("__dict__")
                if own is not None:
                    if exact(own) is not Getset:
                        break
                    attributes = own.__get__(value)
                    if exact(attributes) is not dict:
                        break
                    parts = []
                    for key, item in islice(attributes.items(), most_items):
                        if exact(key) is Text:
                            parts.append(key + "=" + render(item, level + 1))
                    return "%s(%s)" % (name_of(kind), join(parts))
            return "<%s>" % name_of(kind)

        def render(value, level):
            kind = exact(value)
            write = quick(identity(kind))
            if write is not None:
                return write(value, level)
            for base in mro_of(kind):
                write = form(identity(base))
                if write is not None:
                    return name_of(kind) + "(" + write(value, level) + ")"
            return instance(value, kind, level)

        def bound(items, characters):
            nonlocal most_items, most_characters
            most_items, most_characters = items, characters

        def bounded(value, level):
            try:
                written = render(value, level)
            except Failed:
                return "<unreadable>"
            if length(written) > 4 * most_characters:
                return written[:4 * most_characters] + "…+%d" % (length(written) - 4 * most_characters)
            return written
        return bounded, bound
    """#
}
