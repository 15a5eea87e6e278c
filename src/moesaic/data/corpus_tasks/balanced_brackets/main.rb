PARTNERS = { "(" => ")", "[" => "]", "{" => "}" }.freeze

def balanced_brackets(text)
  stack = []
  text.each_char do |symbol|
    if PARTNERS.key?(symbol)
      stack.push(PARTNERS[symbol])
    elsif PARTNERS.value?(symbol)
      return false unless stack.pop == symbol
    end
  end
  stack.empty?
end

text = gets.chomp
puts balanced_brackets(text) ? "yes" : "no"
