def evaluate_postfix(words)
  stack = []
  words.each do |word|
    if %w[+ - *].include?(word)
      left, right = stack.pop(2)
      stack.push(left.public_send(word, right))
    else
      stack.push(Integer(word))
    end
  end
  stack.first
end

puts evaluate_postfix(gets.split)
