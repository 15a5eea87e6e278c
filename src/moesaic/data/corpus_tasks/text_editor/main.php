<?php

declare(strict_types=1);

class Editor
{
    private array $earlier = [];
    private string $text = '';

    public function run(string $name, string $argument): void
    {
        match ($name) {
            'add' => $this->change($this->text . $argument),
            'cut' => $this->cut((int) $argument),
            'undo' => $this->text = array_pop($this->earlier) ?? $this->text,
        };
    }

    public function text(): string
    {
        return $this->text;
    }

    private function cut(int $count): void
    {
        $length = max(0, strlen($this->text) - $count);
        $this->change(substr($this->text, 0, $length));
    }

    private function change(string $text): void
    {
        $this->earlier[] = $this->text;
        $this->text = $text;
    }
}

function textEditor(array $commands): string
{
    $editor = new Editor();
    foreach ($commands as $command) {
        [$name, $argument] = array_pad(explode(' ', $command), 2, '');
        $editor->run($name, $argument);
    }
    return $editor->text();
}

$text = textEditor(file('php://stdin', FILE_IGNORE_NEW_LINES));
echo $text === '' ? 'empty' : $text, PHP_EOL;
