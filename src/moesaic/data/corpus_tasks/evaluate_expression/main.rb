def evaluate_expression(tokens)
  value = term(tokens)
  while ["+", "-"].include?(tokens.first)
    operator = tokens.shift.to_sym
    value = value.send(operator, term(tokens))
  end
  value
end

def term(tokens)
  value = factor(tokens)
  while tokens.first == "*"
    tokens.shift
    value *= factor(tokens)
  end
  value
end

def factor(tokens)
  token = tokens.shift
  return token.to_i unless token == "("

  value = evaluate_expression(tokens)
  tokens.shift
  value
end

tokens = gets.scan(/\d+|[-+*()]/)
puts evaluate_expression(tokens)
