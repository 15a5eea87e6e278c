<?php

declare(strict_types=1);

class Parser
{
    private int $position = 0;

    public function __construct(private readonly array $tokens)
    {
    }

    public function expression(): int
    {
        $value = $this->term();
        while (in_array($this->peek(), ['+', '-'], true)) {
            $value += $this->next() === '+' ? $this->term() : -$this->term();
        }
        return $value;
    }

    private function term(): int
    {
        $value = $this->factor();
        while ($this->peek() === '*') {
            $this->next();
            $value *= $this->factor();
        }
        return $value;
    }

    private function factor(): int
    {
        if ($this->peek() !== '(') {
            return (int) $this->next();
        }
        $this->next();
        $value = $this->expression();
        $this->next();
        return $value;
    }

    private function peek(): ?string
    {
        return $this->tokens[$this->position] ?? null;
    }

    private function next(): string
    {
        return $this->tokens[$this->position++];
    }
}

function evaluateExpression(string $text): int
{
    preg_match_all('/\d+|[-+*()]/', $text, $matches);
    return (new Parser($matches[0]))->expression();
}

echo evaluateExpression(fgets(STDIN)), PHP_EOL;
