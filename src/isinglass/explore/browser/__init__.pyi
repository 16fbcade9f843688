from .page_file import write_page as write_page
