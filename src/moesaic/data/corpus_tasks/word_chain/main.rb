def word_chain(words)
  words.each_cons(2).all? { |left, right| left[-1] == right[0] }
end

puts word_chain(gets.split) ? "yes" : "no"
